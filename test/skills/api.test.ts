import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createAgentsApi } from '../../client/agents.ts'
import { createSkillsApi } from '../../client/skills.ts'
import { limits } from '../../protocol/limits.ts'
import { readArchive } from '../../store/skill-archive.ts'
import { emptyStores } from '../client/stores.ts'
import { ask, connect, serve } from '../server/serving.ts'
import { sdkRefusal } from '../support/sdk-refusal.ts'
import { unheard } from '../support/unheard.ts'
import { until } from '../support/until.ts'
import { allOf, skillFiles, skillText, zipOf } from './support.ts'

async function start() {
  const { records, blobs } = await emptyStores()
  const api = { skills: createSkillsApi(records, blobs), agents: createAgentsApi(records) }
  const { client, url, log } = await serve(api)
  const { skills, agents } = client.beta
  /** Keys of what is stored of skills. */
  const stored = () => allOf(blobs.list('skills/'))
  return { records, client, url, log, skills, agents, stored }
}

const files = (description = 'Fills in forms.', rest?: string) =>
  skillFiles({ 'pdf/SKILL.md': skillText('pdf-forms', description, rest), 'pdf/data/fields.json': '{}' })
const read = { type: 'agent_toolset_20260401' as const }
const model = 'claude-opus-5'

describe('a skill', () => {
  it('is created of files, with the name in its SKILL.md, or with one of its own', async () => {
    const { skills } = await start()
    const skill = await skills.create({ files: files() })
    expect(skill).toEqual({
      id: expect.stringMatching(/^skill_[0-9A-Za-z]{22}$/),
      type: 'skill',
      display_name: 'pdf-forms',
      latest_version_id: expect.stringMatching(/^skver_[0-9A-Za-z]{22}$/),
      source: { type: 'custom' },
      created_at: expect.any(String),
      updated_at: skill.created_at,
    })
    expect(await skills.retrieve(skill.id)).toEqual(skill)
    const named = await skills.create({ display_name: 'Forms (PDF)', files: files() })
    expect(named.display_name).toBe('Forms (PDF)')
  })

  it('may come as one zip archive', async () => {
    const { skills } = await start()
    const archive = await zipOf([
      ['pdf/', ''],
      ['pdf/SKILL.md', skillText('pdf-forms', 'd')],
    ])
    const skill = await skills.create({ files: [new File([new Uint8Array(archive)], 'pdf.zip')] })
    const version = await skills.versions.retrieve('latest', { skill_id: skill.id })
    expect(version).toMatchObject({ id: skill.latest_version_id, name: 'pdf-forms', description: 'd' })
  })

  it('keeps its content when nobody knows whether it was stored', async () => {
    const { records, skills } = await start()
    records.skills.insert = unheard(records.skills.insert)
    records.skills.versions.insert = unheard(records.skills.versions.insert)
    const refused = { status: 503 }
    await expect(skills.create({ files: files() }, { maxRetries: 0 })).rejects.toMatchObject(refused)
    const [skill] = await allOf(skills.list())
    await expect(skills.versions.create(skill!.id, { files: files('Anew.') }, { maxRetries: 0 })).rejects.toMatchObject(
      refused,
    )
    const versions = await allOf(skills.versions.list(skill!.id))
    expect(versions.map(({ description }) => description)).toEqual(['Anew.', 'Fills in forms.'])
    for (const { id } of versions) {
      expect((await skills.versions.download(id, { skill_id: skill!.id })).status).toBe(200)
    }
  })

  it('is listed, newest first, page by page and by source', async () => {
    const { skills } = await start()
    const ids: string[] = []
    for (let count = 0; count < 3; count++) ids.unshift((await skills.create({ files: files() })).id)
    const listed = await allOf(skills.list({ limit: 2 }))
    expect(listed.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect((await skills.list({ limit: 2 })).data).toHaveLength(2)
    expect((await skills.list({ source: 'custom', limit: 3 })).data).toEqual(listed)
    expect((await skills.list({ source: 'anthropic' })).data).toEqual([])
    expect(await sdkRefusal(skills.list({ source: 'mine' }))).toMatchObject({ status: 400 })
  })

  it('is deleted with all its versions and what is stored of them', async () => {
    const { skills, stored } = await start()
    const { id, latest_version_id } = await skills.create({ files: files() })
    await skills.versions.create(id, { files: files('Other.') })
    expect(await stored()).toHaveLength(2)
    expect(await skills.delete(id)).toEqual({ id, type: 'skill_deleted' })
    expect(await stored()).toEqual([])
    expect(await sdkRefusal(skills.retrieve(id))).toMatchObject({ status: 404, type: 'not_found_error' })
    expect(await sdkRefusal(skills.versions.retrieve(latest_version_id, { skill_id: id }))).toMatchObject({
      status: 404,
    })
    expect(await sdkRefusal(skills.delete(id))).toMatchObject({ status: 404 })
    expect(await sdkRefusal(skills.versions.create(id, { files: files() }))).toMatchObject({ status: 404 })
    expect((await skills.list()).data).toEqual([])
  })
})

describe('a version of a skill', () => {
  it('is the newest from its creation to its deletion; the last one stays', async () => {
    const { skills, stored } = await start()
    const skill = await skills.create({ files: files() })
    const skill_id = skill.id
    const first = await skills.versions.retrieve(skill.latest_version_id, { skill_id })
    const second = await skills.versions.create(skill_id, { files: files('Better.') })
    expect(second).toEqual({ ...first, id: expect.any(String), description: 'Better.', created_at: expect.any(String) })
    expect(Date.parse(second.created_at)).toBeGreaterThan(Date.parse(first.created_at))
    expect(await skills.versions.retrieve('latest', { skill_id })).toEqual(second)
    const changed = await skills.retrieve(skill_id)
    expect(changed).toEqual({ ...skill, latest_version_id: second.id, updated_at: second.created_at })
    expect(await allOf(skills.versions.list(skill_id, { limit: 1 }))).toEqual([second, first])

    const deleted = { id: second.id, type: 'skill_version_deleted' }
    expect(await skills.versions.delete(second.id, { skill_id })).toEqual(deleted)
    expect((await skills.retrieve(skill_id)).latest_version_id).toBe(first.id)
    expect(await sdkRefusal(skills.versions.retrieve(second.id, { skill_id }))).toMatchObject({ status: 404 })
    expect((await skills.versions.list(skill_id)).data).toEqual([first])
    const refused = await sdkRefusal(skills.versions.delete('latest', { skill_id }))
    expect(refused).toMatchObject({ status: 400, message: expect.stringMatching(/last one .*: delete the skill/) })
    expect(await stored()).toHaveLength(1)
  })

  it('is downloaded as a zip archive in a folder with the name', async () => {
    const { skills, url } = await start()
    const skill = await skills.create({ files: files() })
    const response = await skills.versions.download(skill.latest_version_id, { skill_id: skill.id })
    expect(response.headers.get('content-type')).toBe('application/zip')
    expect(response.headers.get('content-disposition')).toContain('filename="pdf-forms.zip"')
    const content = new Uint8Array(await response.arrayBuffer())
    const entries = await readArchive(content, { files: 9, bytes: 1e6 })
    expect(entries.map((entry) => entry.path)).toEqual(['pdf-forms/SKILL.md', 'pdf-forms/data/fields.json'])
    const place = `${url}/v1/skills/${skill.id}/versions/latest/content`
    const head = await fetch(place, { method: 'HEAD' })
    expect(head.headers.get('content-length')).toBe(String(content.length))
    // What was downloaded makes the same version again.
    const again = await skills.versions.create(skill.id, { files: [new File([content], 'x.zip')] })
    const copy = await (await skills.versions.download(again.id, { skill_id: skill.id })).arrayBuffer()
    const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    expect(digest(new Uint8Array(copy))).toBe(digest(content))
  })

  it('has the name that all versions have', async () => {
    const { skills, stored } = await start()
    const { id } = await skills.create({ files: files() })
    const other = skillFiles({ 'pdf/SKILL.md': skillText('pdf-other', 'd') })
    const refused = await sdkRefusal(skills.versions.create(id, { files: other }))
    expect(refused).toMatchObject({ status: 400, message: expect.stringContaining('"pdf-forms"') })
    expect(await stored()).toHaveLength(1)
  })

  it('belongs to its skill', async () => {
    const { skills } = await start()
    const [one, other] = [await skills.create({ files: files() }), await skills.create({ files: files() })]
    const params = { skill_id: other.id }
    expect(await sdkRefusal(skills.versions.retrieve(one.latest_version_id, params))).toMatchObject({ status: 404 })
    expect(await sdkRefusal(skills.versions.delete(one.latest_version_id, params))).toMatchObject({ status: 404 })
  })
})

describe('an upload of a skill', () => {
  const form = (...parts: [string, string | File][]) => {
    const data = new FormData()
    for (const [name, value] of parts) data.append(name, value)
    return { method: 'POST', body: data }
  }
  const [main] = files() as [File]

  it.each<[string, [string, string | File][], number, RegExp]>([
    ['no files', [['display_name', 'x']], 400, /^files: are missing/],
    [
      'an unknown field',
      [
        ['files[]', main],
        ['purpose', 'x'],
      ],
      400,
      /^purpose: not a field of a skill/,
    ],
    ['a file in another part', [['file', main]], 400, /^file: the parts with the files are called "files\[\]"/],
    [
      'a name of two lines',
      [
        ['files[]', main],
        ['display_name', 'a\nb'],
      ],
      400,
      /^display_name: must be one line/,
    ],
    [
      'a name that is too long',
      [
        ['files[]', main],
        ['display_name', 'x'.repeat(256)],
      ],
      400,
      /^display_name: /,
    ],
    [
      'a field twice',
      [
        ['files[]', main],
        ['display_name', 'a'],
        ['display_name', 'b'],
      ],
      400,
      /is there twice/,
    ],
    [
      'a path up',
      [
        ['files[]', main],
        ['files[]', new File([''], 'pdf/../x')],
      ],
      400,
      /"pdf\/\.\.\/x" has empty/,
    ],
    ['no SKILL.md', [['files[]', new File([''], 'pdf/x')]], 400, /no SKILL\.md/],
    ['too much', [['files[]', new File([new Uint8Array(limits.requestBytes)], 'pdf/x')]], 413, /longer than/],
  ])('is refused with %s, and nothing is stored', async (_what, parts, status, message) => {
    const { url, stored, skills } = await start()
    const answer = await ask(`${url}/v1/skills`, form(...parts))
    expect(answer.status).toBe(status)
    expect(answer.body.error.message).toMatch(message)
    expect(await stored()).toEqual([])
    expect((await skills.list()).data).toEqual([])
  })

  it('that is refused for a part is not in the way of what its connection is used for next', async () => {
    const { url } = await start()
    const part = (name: string, rest = '') => `--edge\r\ncontent-disposition: form-data; name="${name}"${rest}\r\n\r\n`
    const file = (name: string) => part('files[]', `; filename="${name}"`)
    const large = 'x'.repeat(5_000_000)
    const body = `${file('x/a')}a\r\n${part('purpose')}y\r\n${file('x/b')}${large}\r\n${file('x/c')}${large}\r\n--edge--\r\n`
    const head = 'content-type: multipart/form-data; boundary=edge'
    const connection = await connect(url)
    connection.socket.write(
      `POST /v1/skills HTTP/1.1\r\nhost: x\r\n${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    connection.socket.write('GET /v1/skills HTTP/1.1\r\nhost: x\r\n\r\n')
    const isAnswered = until(() => connection.text().includes('"data":[]'))
    const isClosed = connection.closed.then(() => Promise.reject(new Error('the connection was closed')))
    await Promise.race([isAnswered, isClosed])
    expect(connection.text()).toMatch(/^HTTP\/1\.1 400 [\s\S]*purpose: not a field of a skill[\s\S]*HTTP\/1\.1 200 /)
  })

  it('has texts as its fields', async () => {
    const { url } = await start()
    const name = (value: string) =>
      `--edge\r\ncontent-disposition: form-data; name="display_name"\r\ncontent-type: application/json\r\n\r\n${value}\r\n--edge--\r\n`
    const headers = { 'content-type': 'multipart/form-data; boundary=edge' }
    for (const value of ['{}', '["a"]', 'null', '1']) {
      const { status, body } = await ask(`${url}/v1/skills`, { method: 'POST', headers, body: name(value) })
      expect([status, body.error.message]).toEqual([400, 'display_name: must be a text'])
    }
  })

  it('is multipart, and takes the field without brackets, too', async () => {
    const { url } = await start()
    const headers = { 'content-type': 'application/json' }
    const json = await ask(`${url}/v1/skills`, { method: 'POST', body: '{}', headers })
    expect(json.body.error.message).toMatch(/multipart\/form-data/)
    expect((await ask(`${url}/v1/skills`, form(['files', main]))).status).toBe(200)
  })
})

describe('a client of the older beta', () => {
  it('gets the older shapes', async () => {
    const { url, skills } = await start()
    const { id, latest_version_id: newest } = await skills.create({ files: files(), display_name: 'Forms' })
    const headers = { 'anthropic-beta': 'managed-agents-2026-04-01,skills-2025-10-02' }
    const older = async (path: string, init: RequestInit = {}) =>
      (await ask(`${url}/v1/skills${path}`, { headers, ...init })).body
    const skill = await older(`/${id}`)
    const { created_at, updated_at } = skill
    const latest_version = expect.stringMatching(/^\d{16}$/)
    const shape = {
      id,
      type: 'skill',
      display_title: 'Forms',
      latest_version,
      source: 'custom',
      created_at,
      updated_at,
    }
    expect(skill).toEqual(shape)
    expect(await older('?limit=1')).toEqual({ data: [skill], has_more: false, next_page: null })
    const version = await older(`/${id}/versions/${skill.latest_version}`)
    const own = { id: newest, version: skill.latest_version, directory: 'pdf-forms', description: 'Fills in forms.' }
    expect(version).toMatchObject({ ...own, type: 'skill_version', skill_id: id, name: 'pdf-forms' })
    expect((await older(`/${id}/versions`)).data).toEqual([version])

    const data = new FormData()
    data.append('display_title', 'Other title')
    for (const file of files('Older client.')) data.append('files[]', file)
    const created = await older('', { method: 'POST', body: data })
    expect(created).toMatchObject({ display_title: 'Other title', source: 'custom' })
    data.delete('display_title')
    const next = await older(`/${created.id}/versions`, { method: 'POST', body: data })
    expect(Number(next.version)).toBeGreaterThan(Number(created.latest_version))
    const gone = await older(`/${created.id}/versions/${next.version}`, { method: 'DELETE' })
    expect(gone).toEqual({ id: next.version, type: 'skill_version_deleted' })
  })
})

describe('an agent with skills', () => {
  const skillOf = async ({ skills }: Awaited<ReturnType<typeof start>>, name = 'pdf-forms') =>
    skills.create({ files: skillFiles({ 'x/SKILL.md': skillText(name, 'd') }) })
  const custom = (skill_id: string, version?: string | null) => ({
    type: 'custom' as const,
    skill_id,
    ...(version !== undefined && { version }),
  })

  it('has them at the versions of the moment, until they are given anew', async () => {
    const world = await start()
    const { skills, agents } = world
    const skill = await skillOf(world)
    const first = skill.latest_version_id
    const agent = await agents.create({ name: 'a', model, tools: [read], skills: [custom(skill.id)] })
    expect(agent.skills).toEqual([{ type: 'custom', skill_id: skill.id, version: first }])
    const files = skillFiles({ 'x/SKILL.md': skillText('pdf-forms', 'new') })
    const second = (await skills.versions.create(skill.id, { files })).id
    expect(await agents.update(agent.id, { name: 'b', version: 1 })).toMatchObject({ version: 2, skills: agent.skills })
    for (const version of [undefined, null, 'latest', second]) {
      const changed = await agents
        .update(agent.id, { version: 2, skills: [custom(skill.id, version)] })
        .catch(() => null)
      // The first of them makes a version, the others no other one.
      const now = changed ?? (await agents.retrieve(agent.id))
      expect(now).toMatchObject({ version: 3, skills: [{ skill_id: skill.id, version: second }] })
    }
    const pinned = await agents.update(agent.id, { version: 3, skills: [custom(skill.id, first)] })
    expect(pinned).toMatchObject({ version: 4, skills: [{ version: first }] })
    expect((await agents.update(agent.id, { version: 4, skills: [] })).skills).toEqual([])
  })

  it('is refused with skills that cannot be had', async () => {
    const world = await start()
    const { agents } = world
    const [skill, namesake] = [await skillOf(world), await skillOf(world)]
    const refused = (skills: object[], tools: object[] = [read]) =>
      sdkRefusal(agents.create({ name: 'a', model, tools: tools as [], skills: skills as [] }))
    expect(await refused([custom('skill_none')])).toEqual({
      status: 404,
      type: 'not_found_error',
      message: expect.stringContaining('skills.0: skill skill_none was not found'),
      code: 'skill_not_found',
    })
    expect(await refused([custom(skill.id, namesake.latest_version_id)])).toMatchObject({ status: 404 })
    expect(await refused([{ type: 'anthropic', skill_id: 'xlsx' }])).toMatchObject({
      status: 400,
      code: 'not_supported',
    })
    expect((await refused([{ type: 'other', skill_id: 'x' }])).message).toMatch(/skills\.0\.type/)
    expect((await refused([custom(skill.id), custom(skill.id)])).message).toMatch(/skills\.1.* named twice/)
    expect((await refused([custom(skill.id), custom(namesake.id)])).message).toMatch(/skills\.1: .*name "pdf-forms"/)
    const shut = { type: read.type, configs: [{ name: 'read', enabled: false }] }
    for (const tools of [[], [shut]]) expect((await refused([custom(skill.id)], tools)).message).toMatch(/tool "read"/)
    const many = Array.from({ length: 501 }, () => custom(skill.id))
    expect((await refused(many)).message).toMatch(/skills: /)
  })

  it('keeps "read" as long as it has them', async () => {
    const world = await start()
    const skill = await skillOf(world)
    const { id } = await world.agents.create({ name: 'a', model, tools: [read], skills: [custom(skill.id)] })
    expect((await sdkRefusal(world.agents.update(id, { version: 1, tools: [] }))).message).toMatch(/tool "read"/)
    const { skills, tools } = await world.agents.update(id, { version: 1, tools: null, skills: null })
    expect([skills, tools]).toEqual([[], []])
  })

  it('can be changed although one of them was deleted', async () => {
    const world = await start()
    const skill = await skillOf(world)
    const { id } = await world.agents.create({ name: 'a', model, tools: [read], skills: [custom(skill.id)] })
    await world.skills.delete(skill.id)
    expect(await world.agents.update(id, { version: 1, name: 'b' })).toMatchObject({ skills: [{ skill_id: skill.id }] })
  })
})

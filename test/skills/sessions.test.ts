import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { containersRoot } from '../../activities/container/keeper/session-folder.ts'
import { purgeDeletedSkills } from '../../client/deleted-skills.ts'
import { converse, lastText } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { sdkRefusal } from '../support/sdk-refusal.ts'
import { allOf, skillFiles, skillText } from './support.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

const tools = [{ type: 'agent_toolset_20260401' as const }]
const model = 'claude-opus-5'
const newSkill = (name: string, description = 'd', more: Record<string, string> = {}) =>
  host.client.beta.skills.create({
    files: skillFiles({ 'x/SKILL.md': skillText(name, description, `# The way of ${name}\n`), ...more }),
  })
const custom = (skill_id: string) => ({ type: 'custom' as const, skill_id })

async function sessionWith(...skillIds: string[]) {
  const skills = skillIds.map(custom)
  const agent = await host.client.beta.agents.create({ name: 'Skilled', model, tools, skills })
  return host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
}

const say = async (sessionId: string, script: string) => lastText(await converse(host.client, sessionId, script))
const bash = (sessionId: string, command: string) => say(sessionId, `#bash ${command}\n#say {{last}}`)
const read = (sessionId: string, name: string) =>
  say(sessionId, `#tool read {"file_path":"/mnt/session/skills/${name}/SKILL.md"}\n#say {{last}}`)
const systemOf = (request: { body: unknown }) => JSON.stringify((request.body as { system: unknown }).system)
const newestPrompt = () => systemOf(host.model.requests.at(-1)!)
/** Where the files of skills lie on the host. */
const hostFolder = async () => path.join(path.dirname(await containersRoot(host.dataDir)), 'skills')

describe('a session of an agent with skills', () => {
  it('has their files in its container, read-only, and its agent reads and runs them', async () => {
    const script = '#!/bin/sh\necho "filled in: $1"\n'
    const forms = await newSkill('forms', 'Fills in forms.\n  Use it for PDFs.', { 'x/bin/fill': script })
    const other = await newSkill('other')
    const session = await sessionWith(forms.id, other.id)
    expect(session.agent.skills).toEqual(
      [forms, other].map(({ id, latest_version_id }) => ({ ...custom(id), version: latest_version_id })),
    )
    expect(await read(session.id, 'forms')).toContain('The way of forms')
    expect(newestPrompt()).toContain('- /mnt/session/skills/forms/SKILL.md: Fills in forms. Use it for PDFs.')
    expect(newestPrompt()).toContain('- /mnt/session/skills/other/SKILL.md: d')
    expect(await bash(session.id, 'cd /mnt/session/skills; ls; forms/bin/fill it')).toContain(
      'forms\nother\nfilled in: it',
    )
    const denied =
      'cd /mnt/session/skills; touch forms/a || touch b || echo x > forms/SKILL.md || rm -r other || echo kept'
    expect(await bash(session.id, denied)).toMatch(/kept$/)
  })

  it('keeps its versions, prompt and files, whatever becomes of the skill', async () => {
    const { records, blobs } = host.holdfast.runtime
    const { skills } = host.client.beta
    const skill = await newSkill('lasting', 'as it was')
    const session = await sessionWith(skill.id)
    await read(session.id, 'lasting')
    const before = newestPrompt()
    await skills.versions.create(skill.id, { files: skillFiles({ 'x/SKILL.md': skillText('lasting', 'new') }) })
    await skills.delete(skill.id)
    const stored = () => allOf(blobs.list(`skills/${skill.id}/`))
    expect(await stored()).toEqual([`skills/${skill.id}/${skill.latest_version_id}`])
    // As on a host that has never seen it: a container that is started anew, and no copy of the files.
    const containers = new BubblewrapProvider({ dataDir: host.dataDir })
    await containers.stop(session.id)
    await containers.close()
    await rm(await hostFolder(), { recursive: true })
    expect(await read(session.id, 'lasting')).toContain('The way of lasting')
    expect(newestPrompt()).toBe(before)
    expect((await host.client.beta.sessions.retrieve(session.id)).agent.skills).toEqual(session.agent.skills)

    const again = host.client.beta.sessions.create({ agent: session.agent.id, environment_id: host.environment })
    expect(await sdkRefusal(again)).toEqual({
      status: 404,
      type: 'not_found_error',
      message: expect.stringMatching(/^agent\.skills\.0: version skver_\w+ of skill skill_\w+ was not found/),
      code: 'skill_not_found',
    })
    await purgeDeletedSkills({ records, blobs })
    expect(await stored()).toHaveLength(1)
    await host.client.beta.sessions.archive(session.id)
    await purgeDeletedSkills({ records, blobs })
    expect(await stored()).toEqual([])
  })

  it('shares the files with others that have the same version', async () => {
    const skill = await newSkill('shared')
    const sessions = [await sessionWith(skill.id), await sessionWith(skill.id)]
    const inodes = []
    for (const { id } of sessions) inodes.push(await bash(id, 'stat -c %i /mnt/session/skills/shared/SKILL.md'))
    expect(inodes[0]).toMatch(/ \d+$/)
    expect(inodes[1]).toBe(inodes[0])
  })

  it('works without one whose content is gone, and says so once', async () => {
    const { blobs } = host.holdfast.runtime
    const [whole, lost] = [await newSkill('whole'), await newSkill('lost')]
    await blobs.put(`skills/${lost.id}/${lost.latest_version_id}`, Buffer.from('damaged'))
    const { id } = await sessionWith(lost.id, whole.id)
    const events = await converse(host.client, id, '#bash ls /mnt/session/skills\n#bash ls -d /\n#say {{last}}')
    expect(events.filter(({ type }) => type === 'session.error')).toMatchObject([
      {
        error: { type: 'unknown_error', message: 'The skill "lost" is not in the container: its content is damaged.' },
      },
    ])
    const results = JSON.stringify(events.filter(({ type }) => type === 'agent.tool_result'))
    expect(results).toContain('whole')
    expect(results.match(/is not in the container/g)).toHaveLength(1)
    const left = (await readdir(await hostFolder())).filter((name) => name.includes('building'))
    expect(left).toEqual([])
  })
})

describe('the skills of one session', () => {
  const create = (overrides: object, resources: object[] = []) =>
    host.client.beta.sessions.create({
      agent: { type: 'agent_with_overrides', ...overrides } as never,
      environment_id: host.environment,
      resources: resources as never,
    })

  it('may be others than those of its agent, or none', async () => {
    const [own, other] = [await newSkill('own'), await newSkill('another')]
    const skills = [custom(own.id)]
    const { id } = await host.client.beta.agents.create({ name: 'a', model, tools, skills })
    const replaced = await create({ id, skills: [custom(other.id)] })
    expect(replaced.agent.skills).toEqual([{ ...custom(other.id), version: other.latest_version_id }])
    expect(await bash(replaced.id, 'ls /mnt/session/skills')).toMatch(/ another$/)
    expect((await create({ id })).agent.skills).toHaveLength(1)
    for (const none of [[], null]) expect((await create({ id, skills: none, tools: none })).agent.skills).toEqual([])
    expect((await sdkRefusal(create({ id, tools: [] }))).message).toMatch(/tool "read"/)
    const unknown = await sdkRefusal(create({ id, skills: [custom('skill_none')] }))
    expect(unknown).toMatchObject({
      status: 404,
      message: expect.stringMatching(/^agent\.skills\.0: skill skill_none/),
    })
    const removed = host.client.beta.sessions.update(replaced.id, { agent: { tools: [] } })
    expect((await sdkRefusal(removed)).message).toMatch(/tool "read"/)
  })

  it('have their folder for themselves: nothing is mounted there', async () => {
    const file = await host.client.beta.files.upload({ file: new File(['x'], 'x') })
    for (const mount_path of ['/mnt/session/skills', '/mnt/session/skills/x']) {
      const refused = await sdkRefusal(create({ id: host.agent }, [{ type: 'file', file_id: file.id, mount_path }]))
      expect(refused).toMatchObject({ status: 400, message: expect.stringMatching(/agent's skills/) })
    }
  })
})

describe('the library', () => {
  it('has skills as the SDK has them', async () => {
    const { skills } = host.holdfast
    const content = Buffer.from(skillText('of-library', 'd'))
    const skill = await skills.create({ files: [{ filename: 'x/SKILL.md', content }], display_name: 'L' })
    expect(await host.client.beta.skills.retrieve(skill.id)).toEqual(skill)
    const blob = new Blob([content])
    const version = await skills.versions.create(skill.id, { files: [{ filename: 'y/SKILL.md', content: blob }] })
    expect((await skills.versions.list(skill.id)).data[0]).toEqual(version)
    const download = await skills.versions.download(version.id, { skill_id: skill.id })
    expect(Buffer.concat(await allOf(download.content))).toHaveLength(download.size)
    const noParent = skills.versions.retrieve(version.id, {} as never)
    await expect(noParent).rejects.toMatchObject({ status: 400, message: expect.stringContaining('skill_id') })
    await expect(skills.create(undefined as never)).rejects.toMatchObject({ status: 400 })
    await expect(skills.create({ files: [{ filename: 'x' } as never] })).rejects.toMatchObject({ status: 400 })
    await skills.delete(skill.id)
  })
})

import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdfastProgram } from '../../cli/program.ts'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { jsonLines, type RunOptions, run } from '../support/command-line.ts'
import { newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ env: { HOLDFAST_API_KEYS: 'key-of-the-tests' } })
})
afterAll(() => host.remove())

const holdfast = (args: string[], options: RunOptions = {}) =>
  run(args, { url: host.url, ...options, env: { HOLDFAST_API_KEY: 'key-of-the-tests', ...options.env } })

/** The JSON objects that a command printed, when it went well. */
async function json(...args: string[]) {
  const { code, out, err } = await holdfast([...args, '--json'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return jsonLines(out)
}

describe('the commands for resources', { timeout: 120_000 }, () => {
  it('create, show, list, update and archive agents', async () => {
    const created = await holdfast(['agents', 'create', '--name', 'One', '--model', 'claude-opus-5', '--builtin-tools'])
    expect(created).toMatchObject({ code: 0, out: expect.stringMatching(/^agent_\w+\n$/) })
    const id = created.out.trim()
    const [shown] = await json('agents', 'show', id)
    expect(shown).toMatchObject({ id, name: 'One', tools: [{ type: 'agent_toolset_20260401' }] })
    const [updated] = await json('agents', 'update', id, '--system', 'Be brief.', '--metadata', 'team=blue')
    expect(updated).toMatchObject({ id, version: 2, system: 'Be brief.', metadata: { team: 'blue' } })
    expect(await json('agents', 'versions', id)).toHaveLength(2)
    expect((await json('agents', 'list')).map((agent) => agent.id)).toContain(id)
    const [line] = (await holdfast(['agents', 'list', '--limit', '1'])).out.split('\n')
    expect(line!.split('\t').slice(0, 4)).toEqual([id, 'One', 'claude-opus-5', '2'])
    expect(await json('agents', 'archive', id)).toMatchObject([{ id, archived_at: expect.any(String) }])
    expect((await json('agents', 'list')).map((agent) => agent.id)).not.toContain(id)
    expect((await json('agents', 'list', '--archived')).map((agent) => agent.id)).toContain(id)
  })

  it('store skills of folders and archives, give them to agents, and download them', async () => {
    const folder = path.join(await temporaryFolder(), 'my-forms')
    await mkdir(path.join(folder, 'data'), { recursive: true })
    await writeFile(path.join(folder, 'SKILL.md'), '---\nname: forms\ndescription: Fills in.\n---\n')
    await writeFile(path.join(folder, 'data', 'a.json'), '{}')
    const [skill] = await json('skills', 'create', folder, '--name', 'Forms')
    expect(skill).toMatchObject({ display_name: 'Forms', source: { type: 'custom' } })
    const archive = path.join(folder, 'copy.zip')
    expect(await json('skills', 'download', skill.id, '-o', archive)).toMatchObject([{ name: 'forms', path: archive }])
    const [version] = await json('skills', 'update', skill.id, archive)
    expect(await json('skills', 'versions', skill.id)).toMatchObject([version, { id: skill.latest_version_id }])
    expect(await json('skills', 'list')).toMatchObject([{ id: skill.id, latest_version_id: version.id }])
    const made = ['agents', 'create', '--name', 'Skilled', '--model', 'claude-opus-5', '--builtin-tools']
    expect(await json(...made, '--skill', skill.id)).toMatchObject([{ skills: [{ version: version.id }] }])
    const pinned = `${skill.id}@${skill.latest_version_id}`
    expect(await json(...made, '--skill', pinned)).toMatchObject([{ skills: [{ version: skill.latest_version_id }] }])
    expect(await holdfast(['skills', 'create', path.join(folder, 'none')])).toMatchObject({ code: 2, out: '' })
    await symlink('/etc/hostname', path.join(folder, 'link'))
    const linked = await holdfast(['skills', 'create', folder])
    expect(linked).toMatchObject({ code: 2, out: '', err: expect.stringContaining('link is a link') })
    expect(await json('skills', 'delete', skill.id)).toMatchObject([{ id: skill.id }])
    expect((await holdfast(['skills', 'show', skill.id])).code).toBe(3)
  })

  it('make, change, run and archive deployments', async () => {
    const made = ['--agent', host.agent, '--environment', host.environment, '-m', '#say made']
    const clock = ['--cron', '0 6 * * 1-5', '--timezone', 'Europe/Oslo']
    const [deployment] = await json('deployments', 'create', '--name', 'Report', ...made, ...clock)
    const { id } = deployment
    expect(deployment).toMatchObject({ name: 'Report', status: 'active', schedule: { timezone: 'Europe/Oslo' } })
    expect(await json('deployments', 'list')).toMatchObject([{ id }])
    const [line] = (await holdfast(['deployments', 'list'])).out.split('\n')
    expect(line!.split('\t').slice(0, 4)).toEqual([id, 'Report', 'active', '0 6 * * 1-5 Europe/Oslo'])
    expect(await json('deployments', 'pause', id)).toMatchObject([{ status: 'paused' }])
    expect(await json('deployments', 'unpause', id)).toMatchObject([{ status: 'active' }])
    const [run] = await json('deployments', 'run', id)
    expect(run).toMatchObject({ error: null, session_id: expect.stringMatching(/^sesn_/) })
    expect(await json('sessions', 'show', run.session_id)).toMatchObject([{ deployment_id: id }])
    expect(await json('deployments', 'runs', id)).toMatchObject([{ id: run.id }])
    expect(await json('deployments', 'runs', id, '--failed')).toEqual([])
    expect(await json('deployments', 'update', id, '--no-schedule', '--metadata', 'team=blue')).toMatchObject([
      { schedule: null, metadata: { team: 'blue' } },
    ])
    expect((await holdfast(['deployments', 'update', id, '--timezone', 'UTC'])).code).toBe(2)
    expect((await holdfast(['deployments', 'create', '--name', 'None', ...made.slice(2)])).code).toBe(2)
    expect(await json('deployments', 'archive', id)).toMatchObject([{ id, archived_at: expect.any(String) }])
    expect((await holdfast(['deployments', 'run', id])).code).not.toBe(0)
  })

  it('take parameters from JSON, from standard input too, and options win', async () => {
    const input = JSON.stringify({ name: 'From', model: 'claude-opus-5', description: 'given' })
    const { out } = await holdfast(['agents', 'create', '--from', '-', '--name', 'Option', '--json'], { input })
    expect(JSON.parse(out)).toMatchObject({ name: 'Option', description: 'given' })
    const broken = await holdfast(['agents', 'create', '--from', '-'], { input: '{' })
    expect(broken).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--from -: not JSON') })
  })

  it('create, change and delete environments, vaults and memory stores', async () => {
    const [environment] = await json('environments', 'create', '--name', 'cli')
    expect(await json('environments', 'update', environment.id, '--description', 'x')).toMatchObject([
      { description: 'x' },
    ])
    expect(await json('environments', 'delete', environment.id)).toMatchObject([{ id: environment.id }])
    expect((await holdfast(['environments', 'show', environment.id])).code).toBe(3)

    const [vault] = await json('vaults', 'create', '--name', 'keys')
    const added = await holdfast(
      ['vaults', 'credentials', 'create', vault.id, '--server', 'https://mcp.example.com/', '--token', '-', '--json'],
      { input: 'secret-token-of-the-test\n' },
    )
    expect(added).toMatchObject({ code: 0, err: '' })
    const listed = await holdfast(['vaults', 'credentials', 'list', vault.id, '--json'])
    expect(jsonLines(listed.out)).toMatchObject([{ auth: { mcp_server_url: 'https://mcp.example.com/' } }])
    expect(added.out + listed.out).not.toContain('secret-token')
    const typed = await holdfast([
      'vaults',
      'credentials',
      'create',
      vault.id,
      '--server',
      'https://mcp.example.com/',
      '--token',
      'typed',
    ])
    expect(typed).toMatchObject({ code: 2 })
    expect(await json('vaults', 'delete', vault.id)).toMatchObject([{ id: vault.id }])

    const [store] = await json('memory-stores', 'create', '--name', 'Notes', '--description', 'what was learned')
    const put = ['memory-stores', 'memories', 'put', store.id, '/a/b.md']
    expect((await holdfast([...put, 'first'])).code).toBe(0)
    expect((await holdfast([...put, '-'], { input: 'second' })).code).toBe(0)
    expect(await holdfast(['memory-stores', 'memories', 'show', store.id, '/a/b.md'])).toMatchObject({ out: 'second' })
    expect(await json('memory-stores', 'memories', 'list', store.id)).toMatchObject([{ path: '/a/b.md' }])
    expect((await holdfast(['memory-stores', 'memories', 'show', store.id, '/a/c.md'])).code).toBe(3)
    expect((await holdfast(['memory-stores', 'memories', 'delete', store.id, '/a/b.md'])).code).toBe(0)
    expect(await json('memory-stores', 'archive', store.id)).toMatchObject([{ archived_at: expect.any(String) }])
  })

  it('upload and download files, byte for byte', async () => {
    const cwd = await temporaryFolder()
    const content = Buffer.alloc(3_000_000, 'Holdfast\u0000\n')
    await writeFile(path.join(cwd, 'data.bin'), content)
    const uploaded = await holdfast(['files', 'upload', 'data.bin', '--json'], { cwd })
    const file = JSON.parse(uploaded.out)
    expect(file).toMatchObject({ filename: 'data.bin', size_bytes: content.length })
    const taken = await holdfast(['files', 'download', file.id], { cwd })
    expect(taken).toMatchObject({ code: 4, err: expect.stringContaining('--force') })
    const downloaded = await holdfast(['files', 'download', file.id, '-o', 'copy.bin'], { cwd })
    expect(downloaded).toMatchObject({ code: 0, err: '' })
    expect((await readFile(path.join(cwd, 'copy.bin'))).equals(content)).toBe(true)
    const piped = await holdfast(['files', 'download', file.id, '-o', '-'], { cwd })
    expect(piped.out).toHaveLength(content.length)
    expect(await json('files', 'list')).toMatchObject([{ id: file.id }])
    expect((await holdfast(['files', 'delete', file.id])).code).toBe(0)
    expect((await holdfast(['files', 'show', file.id])).code).toBe(3)
    expect(await holdfast(['files', 'upload', 'none.bin'], { cwd })).toMatchObject({ code: 2 })
  })
})

describe('an option that takes a number', () => {
  const leaves = (command: Command): Command[] =>
    command.commands.length > 0 ? command.commands.flatMap(leaves) : [command]
  const numbers = leaves(holdfastProgram()).flatMap((command) =>
    command.options
      .filter(({ flags }) => /<(count|seconds|dollars|version|port|interval|time)>/.test(flags))
      .map((option) => ({ name: `${command.parent?.name()} ${command.name()} ${option.long}`, option })),
  )

  it.each(numbers)('is checked before anybody is asked: $name', ({ option }) => {
    for (const text of ['abc', '', ' ', '-1', '1.234', '0x10', 'NaN', 'Infinity'])
      expect(() => option.parseArg?.(text, undefined)).toThrow(InvalidArgumentError)
    expect(option.parseArg).toBeDefined()
  })

  it('is there, and what is none is a matter of usage', async () => {
    expect(numbers.map(({ name }) => name)).toContain('agents update --if-version')
    const update = ['agents', 'update', 'agent_none', '--name', 'x', '--if-version']
    expect(await run([...update, 'abc'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('abc') })
    expect(await run([...update, '0'])).toMatchObject({ code: 2, out: '' })
  })
})

describe('exit codes and errors', { timeout: 60_000 }, () => {
  it('tell usage, not found, a wrong state and an unreachable server apart, on one line with the next step', async () => {
    expect(await holdfast(['agents', 'lst'])).toMatchObject({ code: 2, out: '', err: expect.stringContaining('list') })
    expect(await holdfast(['agents', 'list', '--limit', '0'])).toMatchObject({ code: 2 })
    expect(await holdfast(['agents'])).toMatchObject({ code: 2 })
    expect(await holdfast(['--help'])).toMatchObject({ code: 0 })
    const missing = await holdfast(['sessions', 'show', 'sesn_none'])
    expect(missing).toMatchObject({ code: 3, out: '', err: expect.stringMatching(/^holdfast: .*sesn_none.*\n$/) })
    const session = await newSession(host)
    expect(await holdfast(['sessions', 'archive', session.id])).toMatchObject({ code: 0, out: `${session.id}\n` })
    expect(await holdfast(['sessions', 'send', session.id, 'more'])).toMatchObject({ code: 4 })
    const unreached = await holdfast(['agents', 'list'], { url: `http://127.0.0.1:${await freePort()}` })
    expect(unreached).toMatchObject({
      code: 69,
      err: expect.stringMatching(/^holdfast: no server answers at .*HOLDFAST_URL\n$/),
    })
    const unknown = await holdfast(['agents', 'list'], { env: { HOLDFAST_API_KEY: 'wrong' } })
    expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('HOLDFAST_API_KEY') })
    expect(await holdfast(['agents', 'list'], { url: 'ftp://x' })).toMatchObject({ code: 2 })
  })
})

describe('--json', { timeout: 120_000 }, () => {
  it('always parses, and gives back what was given, whatever it is', async () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).map((made) => made.replaceAll('\u0000', ''))
    await fc.assert(
      fc.asyncProperty(text, text, async (name, value) => {
        fc.pre(name !== '' && name.isWellFormed() && value.isWellFormed())
        const from = JSON.stringify({ name, model: 'claude-opus-5', metadata: { value } })
        const { code, out } = await holdfast(['agents', 'create', '--from', '-', '--json'], { input: from })
        if (code === 1) return expect(out).toBe('')
        expect(jsonLines(out)).toMatchObject([{ name, metadata: { value } }])
        const listed = jsonLines((await holdfast(['agents', 'list', '--json', '--limit', '1'])).out)
        expect(listed).toMatchObject([{ name, metadata: { value } }])
        // Without it no control character gets out.
        const plain = (await holdfast(['agents', 'list', '--limit', '1'])).out
        expect(plain.replaceAll('\t', '').trimEnd()).not.toMatch(/\p{Cc}/u)
      }),
      { numRuns: 8 },
    )
  })
})

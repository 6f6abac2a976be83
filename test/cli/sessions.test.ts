import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, type RunOptions, run, start } from '../support/command-line.ts'
import { converse, lastText, listed, message, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { session: { modelAttempts: 2 } } })
})
afterAll(() => host.remove())

const holdfast = (args: string[], options: RunOptions = {}) => run(args, { url: host.url, ...options })
const create = (...args: string[]) => [
  'sessions',
  'create',
  '--agent',
  host.agent,
  '--environment',
  host.environment,
  ...args,
]

describe('holdfast sessions', { timeout: 120_000 }, () => {
  it('creates a session with a file and a message, and follows it to its answer', async () => {
    const cwd = await temporaryFolder()
    await writeFile(path.join(cwd, 'data.csv'), 'city,country\nOslo,Norway\n')
    const message = '#bash cat /workspace/data.csv\n#say It has one city.'
    const { code, out, err } = await holdfast(
      create('--file', 'data.csv:/workspace/data.csv', '-m', message, '--follow'),
      { cwd },
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toMatch(/^sesn_\w+\n/)
    expect(out).toContain('bash     cat /workspace/data.csv')
    expect(out).toContain('Oslo,Norway')
    expect(out).toContain('agent    [scripted model] It has one city.')
    expect(out.trimEnd().split('\n').at(-1)).toContain('idle (end_turn)')
  })

  it('leaves no upload behind when the session cannot be had', async () => {
    const cwd = await temporaryFolder()
    await writeFile(path.join(cwd, 'data.csv'), 'x')
    const before = (await host.holdfast.files.list({ limit: 100 })).data.map(({ id }) => id)
    const file = ['--file', 'data.csv:/workspace/data.csv']
    const nobody = ['sessions', 'create', '--agent', 'nope', '--environment', host.environment]
    expect(await holdfast([...nobody, ...file], { cwd })).toMatchObject({ code: 3, out: '' })
    expect(await holdfast(create(...file, '--file', 'none.csv:/workspace/none.csv'), { cwd })).toMatchObject({
      code: 2,
    })
    expect((await host.holdfast.files.list({ limit: 100 })).data.map(({ id }) => id)).toEqual(before)
  })

  it('prints the answer alone with --wait, as text and as JSON', async () => {
    const session = await newSession(host)
    expect(await holdfast(['sessions', 'send', session.id, '#say 42', '--wait'])).toEqual({
      code: 0,
      signal: null,
      out: '[scripted model] 42\n',
      err: '',
    })
    const json = await holdfast(['sessions', 'send', session.id, '-', '--wait', '--json'], { input: '#say 43' })
    expect(JSON.parse(json.out)).toEqual({
      session_id: session.id,
      status: 'idle',
      stop_reason: { type: 'end_turn' },
      text: '[scripted model] 43',
    })
  })

  it('shows the same events as the API, as JSON lines', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#bash echo hi\n#say done')
    const { out } = await holdfast(['sessions', 'events', session.id, '--json'])
    const events = await listed(host.client, session.id)
    expect(jsonLines(out)).toEqual(JSON.parse(JSON.stringify(events)))
    const typed = await holdfast([
      'sessions',
      'events',
      session.id,
      '--json',
      '--type',
      'agent.message',
      '--newest-first',
    ])
    expect(typesOf(jsonLines(typed.out))).toEqual(['agent.message'])
    // For people the kinds that they are not shown do not count.
    const limited = async (count: number, ...flags: string[]) =>
      (await holdfast(['sessions', 'events', session.id, '--limit', `${count}`, ...flags])).out.trimEnd().split('\n')
    const lines = (await holdfast(['sessions', 'events', session.id])).out.trimEnd().split('\n')
    // The first of the three has two lines.
    expect(await limited(3)).toEqual(lines.slice(0, 4))
    expect(await limited(2, '--newest-first')).toEqual(lines.slice(-2).reverse())
    expect(jsonLines((await limited(4, '--json')).join('\n'))).toEqual(jsonLines(out).slice(0, 4))
    // The tail has each once too, with its place; it goes on behind any of them.
    const tailed = jsonLines((await holdfast(['sessions', 'tail', session.id, '--until-idle', '--json'])).out)
    expect(tailed.map(({ cursor: _, ...event }) => event)).toEqual(jsonLines(out))
    const middle = tailed[3]
    const rest = await holdfast(['sessions', 'tail', session.id, '--until-idle', '--json', '--after', middle.cursor])
    expect(jsonLines(rest.out)).toEqual(tailed.slice(4))
  })

  it('goes on with --until-idle until the session has nothing to do now, whatever it did before', async () => {
    const session = await newSession(host)
    const tail = (...args: string[]) => holdfast(['sessions', 'tail', session.id, '--until-idle', '--json', ...args])
    expect(await tail()).toMatchObject({ code: 0, out: '' })
    await converse(host.client, session.id, '#say one')
    await converse(host.client, session.id, '#say two')
    // Behind the last idle too.
    await host.client.beta.sessions.update(session.id, { title: 'Named' })
    await until(async () => typesOf(await listed(host.client, session.id)).at(-1) === 'session.updated')

    const { code, out } = await tail()
    const events = jsonLines(out)
    expect(code).toBe(0)
    expect(events.map(({ cursor: _, ...event }) => event)).toEqual(
      JSON.parse(JSON.stringify(await listed(host.client, session.id))),
    )
    const first = events.findIndex(({ type }) => type === 'session.status_idle')
    expect(jsonLines((await tail('--after', events[first].cursor)).out)).toEqual(events.slice(first + 1))
    expect(await tail('--after', events.at(-1).cursor)).toMatchObject({ code: 0, out: '' })
    expect(await tail('--new')).toMatchObject({ code: 0, out: '' })
    expect(await tail('--after', 'there')).toMatchObject({ code: 2 })

    await host.client.beta.sessions.events.send(session.id, {
      events: [message('#bash sleep 600\n#say three')],
    })
    await until(async () => typesOf(await listed(host.client, session.id)).includes('agent.tool_use'))
    const waiting = start(['sessions', 'tail', session.id, '--until-idle', '--json'], { url: host.url })
    const late = start(['sessions', 'tail', session.id, '--new', '--until-idle', '--json'], { url: host.url })
    await until(() => waiting.out.includes('agent.tool_use'))
    await converse(host.client, session.id, [message('#say four'), { type: 'user.interrupt' }])
    const ended = await waiting.ended
    expect(ended.code).toBe(0)
    expect(lastText(jsonLines(ended.out))).toBe('[scripted model] four')
    expect((await late.ended).code).toBe(0)
  })

  it('says with its exit code how the turn ended', async () => {
    const session = await newSession(host)
    const refused = await holdfast(['sessions', 'send', session.id, '#refuse', '--wait'])
    expect(refused).toMatchObject({ code: 5, err: expect.stringMatching(/^holdfast: .*\(refusal\)\n$/) })
    const spent = await holdfast(['sessions', 'send', session.id, '#fault 529 times=9\n#say never', '--follow'])
    expect(spent).toMatchObject({ code: 5, out: expect.stringContaining('idle (retries_exhausted)') })
    const failed = await holdfast(['sessions', 'send', session.id, '#fault 400 times=9\n#say never', '--wait'])
    expect(failed).toMatchObject({ code: 5, out: '', err: expect.stringMatching(/400.*\(retries_exhausted\)\n$/) })
    const { events } = host.client.beta.sessions
    const errors = await events.list(session.id, { types: ['session.error'], order: 'desc', limit: 1 })
    expect(failed.err).toContain((errors.data[0] as { error: { message: string } }).error.message)
    const json = await holdfast(['sessions', 'send', session.id, '#refuse', '--wait', '--json'])
    expect(json).toMatchObject({ code: 5, err: refused.err })
    expect(JSON.parse(json.out)).toMatchObject({ stop_reason: { type: 'refusal' } })
  })

  it('answers confirmations, one by one and all', async () => {
    const { client } = host
    const toolset = {
      type: 'agent_toolset_20260401' as const,
      default_config: { permission_policy: { type: 'always_ask' as const } },
    }
    const agent = await client.beta.agents.create({ name: 'Asks', model: 'claude-opus-5', tools: [toolset] })
    const session = await client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
    const asked = await holdfast([
      'sessions',
      'send',
      session.id,
      '#bash echo one\n#and\n#bash echo two\n#say {{last}}',
      '--follow',
      '--json',
    ])
    expect(asked.code).toBe(6)
    const [first] = jsonLines(asked.out).find(({ type }) => type === 'session.status_idle').stop_reason.event_ids
    expect((await holdfast(['sessions', 'deny', session.id, first, '--message', 'not this'])).code).toBe(0)
    const done = await holdfast(['sessions', 'allow', session.id, '--all', '--wait'])
    expect(done).toMatchObject({ code: 0, out: '[scripted model] two\n' })
    expect(await holdfast(['sessions', 'allow', session.id, '--all'])).toMatchObject({ code: 4 })
    expect(await holdfast(['sessions', 'allow', session.id])).toMatchObject({ code: 2 })
    const denials = (await listed(client, session.id)).filter((event) => event.type === 'user.tool_confirmation')
    expect(denials).toMatchObject([{ result: 'deny', deny_message: 'not this' }, { result: 'allow' }])
  })

  it('interrupts, updates, lists, archives and deletes', async () => {
    const session = await newSession(host)
    const waiting = start(['sessions', 'send', session.id, '#bash sleep 600\n#say late', '--wait'], { url: host.url })
    await until(async () => typesOf(await listed(host.client, session.id)).includes('agent.tool_use'))
    expect((await holdfast(['sessions', 'archive', session.id])).code).toBe(4)
    expect((await holdfast(['sessions', 'interrupt', session.id])).code).toBe(0)
    expect((await waiting.ended).code).toBe(0)
    const titled = await holdfast(['sessions', 'update', session.id, '--title', 'Named', '--json'])
    expect(JSON.parse(titled.out)).toMatchObject({ title: 'Named' })
    const idle = jsonLines((await holdfast(['sessions', 'list', '--status', 'idle', '--json'])).out)
    expect(idle.map(({ id }) => id)).toContain(session.id)
    expect((await holdfast(['sessions', 'archive', session.id])).code).toBe(0)
    const tail = await holdfast(['sessions', 'tail', session.id])
    expect(tail).toMatchObject({ code: 0, out: expect.stringContaining('terminated') })
    expect((await holdfast(['sessions', 'delete', session.id])).code).toBe(0)
    expect((await holdfast(['sessions', 'tail', session.id])).code).toBe(3)
  })

  it('ends clean at Ctrl-C, and when nobody reads any more', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#say hello')
    const tail = start(['sessions', 'tail', session.id], { url: host.url })
    await until(() => tail.out.includes('hello'))
    tail.child.kill('SIGINT')
    expect(await tail.ended).toMatchObject({ code: 130, signal: null, err: '' })

    const piped = start(['sessions', 'tail', session.id], { url: host.url })
    await until(() => piped.out.includes('hello'))
    piped.child.stdout!.destroy()
    await converse(host.client, session.id, '#say again')
    expect(await piped.ended).toMatchObject({ code: 0, err: '' })
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonLines, type RunOptions, run } from '../support/command-line.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host.remove())

/** As in the project's folder, whose Temporal server and records the command finds by itself. */
const holdfast = async (args: string[], options: RunOptions = {}) => {
  const { address, namespace } = host.temporal
  const env = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace }
  return run(args, { cwd: host.dataDir.replace(/\/\.holdfast$/, ''), env, ...options })
}

describe('holdfast schedules', { timeout: 120_000 }, () => {
  it('creates, lists, pauses, triggers, backfills and deletes', async () => {
    const target = [
      '--agent',
      host.agent,
      '--environment',
      host.environment,
      '-m',
      '#say by the clock',
      '--title',
      'clock',
    ]
    const created = await holdfast([
      'schedules',
      'create',
      'clock',
      '--cron',
      '0 6 * * 1-5',
      '--timezone',
      'Europe/Oslo',
      ...target,
    ])
    expect(created).toMatchObject({ code: 0, out: 'clock\n', err: '' })
    expect((await holdfast(['schedules', 'create', 'clock', '--every', '1h', ...target])).code).toBe(4)
    const shown = await holdfast(['schedules', 'show', 'clock', '--json'])
    expect(JSON.parse(shown.out)).toMatchObject({ id: 'clock', overlap: 'skip', status: 'active' })
    const updated = await holdfast([
      'schedules',
      'update',
      'clock',
      '--every',
      '1h',
      '--overlap',
      'buffer_one',
      '--json',
    ])
    expect(JSON.parse(updated.out)).toMatchObject({ schedule: { every_seconds: 3600 }, overlap: 'buffer_one' })
    expect(JSON.parse((await holdfast(['schedules', 'pause', 'clock', '--note', 'why', '--json'])).out)).toMatchObject({
      status: 'paused',
      note: 'why',
    })
    expect((await holdfast(['schedules', 'trigger', 'clock'])).code).toBe(0)
    await until(async () => (await host.holdfast.sessions.list({})).data.some(({ title }) => title === 'clock'))
    const times = ['--from', '2026-01-01T00:00:00Z', '--to', '2026-01-01T01:00:00Z']
    expect((await holdfast(['schedules', 'backfill', 'clock', ...times])).code).toBe(0)
    await until(async () => (await host.holdfast.sessions.list({})).data.length === 3)
    const listed = await until(async () => {
      const lines = jsonLines((await holdfast(['schedules', 'list', '--json'])).out)
      return lines.length > 0 && lines
    })
    expect(listed).toMatchObject([{ id: 'clock' }])
    expect((await holdfast(['schedules', 'delete', 'clock'])).code).toBe(0)
    expect((await holdfast(['schedules', 'show', 'clock'])).code).toBe(3)
  })

  it('shows why a run failed', async () => {
    const { client, environment } = host
    const agent = await client.beta.agents.create({ name: 'Goes', model: 'claude-opus-5' })
    const target = ['--agent', agent.id, '--environment', environment, '-m', '#say x']
    expect((await holdfast(['schedules', 'create', 'fails', '--every', '24h', ...target])).code).toBe(0)
    await client.beta.agents.archive(agent.id)
    expect((await holdfast(['schedules', 'trigger', 'fails'])).code).toBe(0)
    const reason = `agent ${agent.id} is archived`
    await until(async () => (await host.holdfast.schedules.retrieve('fails')).recent_runs.some(({ error }) => error))
    expect(await holdfast(['schedules', 'show', 'fails'])).toMatchObject({
      code: 0,
      out: expect.stringContaining(`message: ${reason}`),
    })
    expect(await holdfast(['schedules', 'create', 'late', '--every', '1h', ...target])).toMatchObject({
      code: 1,
      err: `holdfast: ${reason}\n`,
    })
  })

  it('says what is missing or wrong before it asks anybody', async () => {
    const nowhere = { cwd: await temporaryFolder() }
    const usage = async (...args: string[]) =>
      expect(await run(['schedules', ...args], nowhere)).toMatchObject({ code: 2 })
    await usage('create', 'x', '--every', 'soon')
    await usage('create', 'x', '--every', '1h')
    await usage('create', 'x', '--every', '1h', '--session', 'sesn_1')
    await usage('create', 'x', '--every', '1h', '--cron', '* * * * *', '--session', 'sesn_1', '-m', 'x')
    await usage('backfill', 'x', '--from', 'yesterday', '--to', 'today')
    const lost = await run(['schedules', 'list'], nowhere)
    expect(lost).toMatchObject({ code: 1, err: expect.stringContaining('holdfast dev') })
  })
})

import { expect, it } from 'vitest'
import type { SessionEvent } from '../../protocol/events.ts'
import { startHosts } from '../support/hosts.ts'
import { until } from '../support/until.ts'

it('a session whose host is gone for good goes on on another one, with its files', async () => {
  await using hosts = await startHosts({ container: { snapshots: { quietMs: 50 } } })
  const { holdfast } = hosts
  const { snapshots } = holdfast.runtime.records
  const one = await hosts.start('one')
  const { id } = await holdfast.sessions.create(hosts.session)
  const session = holdfast.session(id)
  await session.run('#bash echo kept > file; mkdir d; ln -s ../file d/link\n#say done')
  await until(async () => (await snapshots.of(id))?.host === 'holdfast@one')
  await one[Symbol.asyncDispose]()

  await hosts.start('other')
  // A call for a host that does not answer is given up after a minute.
  await session.run('#bash cat d/link; echo changed > file\n#say done')
  const events: SessionEvent[] = []
  for await (const { event } of session.events()) {
    events.push(event)
    if (events.filter(({ type }) => type === 'session.status_idle').length === 2) break
  }
  const errors = events.flatMap((event) => (event.type === 'session.error' ? [event.error.message] : []))
  expect(errors).toEqual([
    expect.stringContaining('the session goes on with a new container'),
    expect.stringContaining("The session's container was lost. Its files are those of the snapshot of"),
  ])
  const result = events.findLast((event) => event.type === 'agent.tool_result')
  expect(JSON.stringify(result)).toContain('kept')
  await until(async () => (await snapshots.of(id))?.host === 'holdfast@other')
}, 180_000)

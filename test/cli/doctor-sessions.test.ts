import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { doctorSessions } from '../../cli/doctor-sessions.ts'
import { Polls } from '../../cli/read-session-facts.ts'
import { converse, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

async function doctor() {
  let said = ''
  const { address, namespace } = host.temporal
  const code = await doctorSessions({
    json: true,
    data: host.dataDir,
    env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
    print: (text) => {
      said = text
    },
  })
  return { code, ...(JSON.parse(said) as { looked: number; sessions: { id: string; troubles: { kind: string }[] }[] }) }
}

describe('holdfast doctor --sessions', () => {
  it('has nothing to say of sessions that get on, and names the one that an operator terminated', async () => {
    const well = await newSession(host)
    await converse(host.client, well.id, '#say fine')
    const ended = await newSession(host)
    await converse(host.client, ended.id, '#say fine')
    // The server's index of workflows is a moment behind.
    await until(async () => (await doctor()).looked === 2)
    expect(await doctor()).toMatchObject({ code: 0, sessions: [] })

    const { connection, namespace } = host.holdfast.runtime
    const workflowExecution = { workflowId: ended.id }
    await connection.workflowService.terminateWorkflowExecution({ namespace, workflowExecution, reason: 'by hand' })
    const told = await until(async () => {
      const found = await doctor()
      return found.code === 1 && found
    })
    expect(told.sessions).toMatchObject([
      { id: ended.id, troubles: [{ kind: 'ended', why: 'its workflow was terminated (by hand)' }] },
    ])
  })

  it('knows which task queues are polled', async () => {
    const { connection, namespace, codec } = host.holdfast.runtime
    const polls = new Polls({ connection, namespace, codec })
    expect(await polls.has('holdfast')).toBe(true)
    expect(await polls.has('nobody')).toBe(false)
  })
})

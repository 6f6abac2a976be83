import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { doctorLogs } from '../../cli/doctor-logs.ts'
import { segmentKey } from '../../log/segments.ts'
import { converse, listed, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { session: { rollOverEvents: 50 } } })
  vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterAll(async () => {
  vi.restoreAllMocks()
  await host?.remove()
})

const segments = async (id: string) => {
  const keys: string[] = []
  for await (const key of host.holdfast.runtime.blobs.list(`sessions/${id}/segments/`)) keys.push(key)
  return keys
}
/** A session of several runs, and what its list says. */
async function long() {
  const { id } = await newSession(host)
  for (let turn = 0; turn < 6; turn++) await converse(host.client, id, `#bash echo ${turn}\n#say turn ${turn}`)
  expect((await segments(id)).length).toBeGreaterThan(1)
  return { id, events: await listed(host.client, id) }
}
async function damage(key: string) {
  const { blobs } = host.holdfast.runtime
  const before = (await blobs.get(key))!
  const damaged = Uint8Array.from(before)
  damaged[damaged.length >> 1]! ^= 1
  await blobs.put(key, damaged)
  return before
}
async function doctor() {
  let said = ''
  const { address, namespace } = host.temporal
  const env = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace }
  const print = (text: string) => {
    said = text
  }
  const code = await doctorLogs({ json: true, data: host.dataDir, env, print })
  return { code, ...(JSON.parse(said) as { looked: number; faults: { session: string; run: number }[] }) }
}
/** Temporal forgets the session's runs, as when their retention is over. */
async function forgotten(id: string) {
  const { connection, namespace } = host.holdfast.runtime
  const { workflowService } = connection
  const list = async () =>
    (await workflowService.listWorkflowExecutions({ namespace, query: `WorkflowId = '${id}'` })).executions ?? []
  await until(async () => {
    for (const { execution } of await list()) {
      await workflowService.deleteWorkflowExecution({ namespace, workflowExecution: execution }).catch(() => {})
    }
    return (await list()).length === 0
  })
}

describe('a sealed segment that is damaged or missing', () => {
  it('is written again, to the same bytes, by whoever reads the log', async () => {
    const { id, events } = await long()
    const { blobs } = host.holdfast.runtime
    const [first, second] = [segmentKey(id, 0), segmentKey(id, 1)]
    const written = [(await blobs.get(first))!, await damage(second)]
    await blobs.delete(first)
    expect(await listed(host.client, id)).toEqual(events)
    expect(Buffer.from((await blobs.get(first))!).equals(written[0]!)).toBe(true)
    expect(Buffer.from((await blobs.get(second))!).equals(written[1]!)).toBe(true)
    expect(vi.mocked(console.error).mock.calls.flat()).toContain(
      `segment 0 of session ${id} is missing: it was written again from Temporal's history`,
    )
  })

  it('does not hold up the session, whose model needs it', async () => {
    const { id } = await long()
    await host.holdfast.runtime.blobs.delete(segmentKey(id, 0))
    await damage(segmentKey(id, 1))
    // A worker that has not read it before.
    process.kill(host.workerPids[0]!, 'SIGKILL')
    await converse(host.client, id, '#say still here')
    expect(JSON.stringify(host.model.requests.at(-1)!.body.messages[0])).toContain('turn 0')
  })

  it('is found and mended by `holdfast doctor --logs`, the last one of an archived session too', async () => {
    const { id, events } = await long()
    await host.client.beta.sessions.archive(id)
    const keys = await until(async () => {
      const state = await host.holdfast.runtime.logs.get(id).newest()
      return state.closed && segments(id)
    })
    const last = keys.length - 1
    await damage(keys[last]!)
    // The server's index of workflows is a moment behind.
    const told = await until(async () => {
      const found = await doctor()
      return found.faults.length > 0 && found
    })
    expect(told).toMatchObject({ code: 0, faults: [{ session: id, run: last, outcome: 'repaired' }] })
    expect((await doctor()).faults).toEqual([])
    await forgotten(id)
    const after = await listed(host.client, id)
    expect(after.slice(0, events.length)).toEqual(events)
    expect((await host.client.beta.sessions.retrieve(id)).status).toBe('terminated')
  })

  it('is reported when Temporal does not have the run any more', async () => {
    const { id } = await long()
    await host.client.beta.sessions.archive(id)
    await until(async () => (await host.holdfast.runtime.logs.get(id).newest()).closed)
    await forgotten(id)
    await damage(segmentKey(id, 0))
    expect(await doctor()).toMatchObject({
      code: 1,
      faults: [{ session: id, run: 0, outcome: 'lost', why: `segment 0 of session ${id} is damaged` }],
    })
    await expect(listed(host.client, id)).rejects.toMatchObject({ status: 500 })
  })
})

import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from '../../testing/test-host.ts'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { resolveBinary } from '../../worker/temporal-server/resolve-binary.ts'
import { converse } from '../support/conversation.ts'
import { startTestTemporal, type TestTemporal } from '../support/temporal.ts'

/** What a turn with one tool call may cost, for one reader. These may fall; who raises one says why. */
const budget = {
  historyEvents: 24,
  historyBytes: 8 * 1024,
  /** Transactions of the server, each on disk before it is acknowledged. */
  UpdateWorkflowExecution: 12,
  SignalWorkflowExecution: 1,
  RespondWorkflowTaskCompleted: 4,
  RespondActivityTaskCompleted: 3,
  // Eagerly: an activity comes with the answer to the workflow task that asks for it.
  PollActivityTaskQueue: 0.5,
  DescribeWorkflowExecution: 1,
  // The reader's alone, for prompts are handed out; one more where an answer splits what it could have had at once.
  PollWorkflowExecutionHistory: 11,
  GetWorkflowExecutionHistory: 0.5,
  RecordActivityTaskHeartbeat: 0.5,
  QueryWorkflow: 0,
}
/** Few enough for one run: what it costs to go on with the next one is apart. */
const turns = 12

let folder: string
let temporal: TestTemporal
let host: TestHost
let client: Anthropic
let metricsUrl: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  const port = await freePort()
  metricsUrl = `http://127.0.0.1:${port}/metrics`
  const real = (await resolveBinary()).path
  const binary = path.join(folder, 'temporal')
  await writeFile(
    binary,
    `#!/bin/sh\n[ "$1" = server ] && exec '${real}' "$@" --metrics-port ${port}\nexec '${real}' "$@"\n`,
  )
  await chmod(binary, 0o755)
  temporal = await startTestTemporal({ binary })
  host = await startTestHost({ env: { TEMPORAL_ADDRESS: temporal.address } })
  client = new Anthropic({ apiKey: 'none', baseURL: host.url, maxRetries: 0 })
})
afterAll(async () => {
  await host?.remove()
  await temporal?.remove()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** How often each operation was asked for, of the front end and of the database. */
async function operations(): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const line of (await (await fetch(metricsUrl)).text()).split('\n')) {
    const [, metric, labels = '', value] = /^(service_requests|persistence_requests)\{(.*)\} (\S+)$/.exec(line) ?? []
    const operation = /\boperation="(\w+)"/.exec(labels)?.[1]
    const service = /\bservice_name="(\w+)"/.exec(labels)?.[1]
    if (!operation || (metric === 'service_requests' && service !== 'frontend')) continue
    counts.set(operation, (counts.get(operation) ?? 0) + Number(value))
  }
  return counts
}

/** The server's metrics are a moment behind: those of a second that changes nothing are whole. */
async function settled(): Promise<Map<string, number>> {
  const relevant = (counts: Map<string, number>) => Object.keys(budget).map((name) => counts.get(name) ?? 0)
  for (let before = await operations(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const now = await operations()
    if (relevant(now).every((count, index) => count === relevant(before)[index])) return now
    before = now
  }
}

describe('a turn with one tool call', { timeout: 120_000 }, () => {
  it('costs no more history, requests and transactions than it did', async () => {
    const tools = [{ type: 'agent_toolset_20260401' as const }]
    const agent = await client.beta.agents.create({ name: 'counted', model: 'claude-opus-5', tools })
    const environment = await client.beta.environments.create({ name: 'counted' })
    const session = await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })
    const turn = () => converse(client, session.id, '#bash true\n#say done')
    const { connection, namespace } = host.holdfast.runtime
    const size = async () => {
      const execution = { workflowId: session.id }
      const { workflowExecutionInfo: info } = await connection.workflowService.describeWorkflowExecution({
        namespace,
        execution,
      })
      return { events: Number(info!.historyLength), bytes: Number(info!.historySizeBytes) }
    }
    // What is made once is made: the container, caches, the first prompt.
    for (let warm = 0; warm < 3; warm++) await turn()
    const [sizeBefore, before] = [await size(), await settled()]
    for (let counted = 0; counted < turns; counted++) await turn()
    const [sizeAfter, after] = [await size(), await settled()]

    const cost: Record<string, number> = {
      historyEvents: (sizeAfter.events - sizeBefore.events) / turns,
      historyBytes: (sizeAfter.bytes - sizeBefore.bytes) / turns,
    }
    for (const name of Object.keys(budget).slice(2)) {
      // Two of the descriptions are this test's.
      const own = name === 'DescribeWorkflowExecution' ? 2 : 0
      cost[name] = ((after.get(name) ?? 0) - (before.get(name) ?? 0) - own) / turns
    }
    const over = Object.entries(budget).filter(([name, most]) => cost[name]! > most)
    expect(over, JSON.stringify(cost)).toEqual([])
    // A budget that nothing comes near says nothing.
    expect(cost.PollWorkflowExecutionHistory, JSON.stringify(cost)).toBeGreaterThan(5)
    expect(cost.UpdateWorkflowExecution).toBeGreaterThan(5)
  })
})

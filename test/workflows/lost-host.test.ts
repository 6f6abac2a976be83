import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import { activityInfo } from '@temporalio/activity'
import { bundleWorkflowCode, DefaultLogger, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker'
import { beforeAll, describe, expect, it } from 'vitest'
import type { ModelStep, RunToolInput, ToolResult } from '../../protocol/contract.ts'
import type { SessionEvent } from '../../protocol/events.ts'
import { newId } from '../../protocol/ids.ts'
import { message } from '../log/samples.ts'
import { until } from '../support/until.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'
import { eventsOf, patientStart, said, useSessionEnvironment } from './session-environment.ts'
import { goneHost } from './short-patience.ts'

const used = useSessionEnvironment()
let workflowBundle: WorkflowBundleWithSourceMap
beforeAll(async () => {
  const { resolve } = createRequire(import.meta.url)
  workflowBundle = await bundleWorkflowCode({
    workflowsPath: resolve('../../workflows/index.ts'),
    workflowInterceptorModules: [resolve('./short-patience.ts')],
    logger: new DefaultLogger('ERROR'),
  })
})

const toolResult: ToolResult = { content: [{ type: 'text', text: 'x' }], is_error: false, outcome: 'done' }

/**
 * A turn with a call of an MCP tool between two of bash, on a host that is gone: for each call, how long that is waited for.
 * Gives the attempts that were made elsewhere, in their order, and what the log shows.
 */
async function turn(patiencesMs: [number, number, number]) {
  const queues = { shared: randomUUID(), gone: `${goneHost}${randomUUID()}`, next: randomUUID() }
  const content = patiencesMs.map((patienceMs, call) => {
    return { type: 'tool_use', id: `toolu_${call}`, name: 'bash', input: { call, patienceMs } }
  })
  const bash = { kind: 'builtin' as const, permission: 'allow' as const }
  const mcp = { ...bash, kind: 'mcp' as const, mcpServer: 'server' }
  const tools = [bash, mcp, bash].map((tool, index) => ({ ...tool, index }))
  const steps: ModelStep[] = [{ ...said, content, stop_reason: 'tool_use', tools, host: queues.gone }, said]

  const attempts: { call: unknown; attempt: number; on: string | undefined }[] = []
  const runTool = async ({ input, kind, attempt }: RunToolInput): Promise<ToolResult> => {
    const { taskQueue } = activityInfo()
    const on = Object.entries(queues).find(([, queue]) => queue === taskQueue)?.[0]
    attempts.push({ call: input.call, attempt, on })
    return { ...toolResult, ...(kind === 'builtin' && { host: queues.next }) }
  }
  const { client, nativeConnection: connection } = used.environment
  const { namespace } = client.options
  const { sinks } = testWorkflows()
  const callModel = async () => steps.shift()!
  const shared = await Worker.create({
    connection,
    namespace,
    taskQueue: queues.shared,
    workflowBundle,
    sinks,
    activities: { callModel, runTool },
  })
  const next = await Worker.create({ connection, namespace, taskQueue: queues.next, activities: { runTool } })

  const workflowId = newId('session')
  const shown = await next.runUntil(() =>
    shared.runUntil(async () => {
      const args = [patientStart()]
      const handle = await client.workflow.start('session', { taskQueue: queues.shared, workflowId, args })
      await handle.signal('deliver', { events: [message(newId('event'), 'hello')] })
      const isIdle = ({ type }: SessionEvent) => type === 'session.status_idle'
      const all = await until(async () => {
        const seen = await eventsOf(used.logs, workflowId)
        return seen.some(isIdle) && seen
      })
      await Worker.runReplayHistory({ workflowBundle, sinks }, await handle.fetchHistory(), workflowId)
      await handle.terminate()
      return all
    }),
  )
  const isResult = ({ type }: SessionEvent) => type === 'agent.tool_result' || type === 'agent.mcp_tool_result'
  return {
    attempts,
    results: shown.filter(isResult),
    losses: shown.filter(({ type }) => type === 'session.error'),
  }
}

const succeeded = [{ is_error: false }, { is_error: false }, { is_error: false }]

describe('calls side by side on a host that is gone', () => {
  it('are made anew, those in the container on one host; the loss is shown once', async () => {
    const { attempts, results, losses } = await turn([500, 500, 500])
    expect(results).toMatchObject(succeeded)
    expect(losses).toHaveLength(1)
    // None of them had begun before.
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 1, 1])
    expect(attempts.filter(({ call }) => call !== 1).map(({ on }) => on)).toEqual(['shared', 'next'])
  })

  it('do not leave the host that one of them has found meanwhile', async () => {
    const { attempts, results, losses } = await turn([200, 5000, 5000])
    expect(results).toMatchObject(succeeded)
    expect(losses).toHaveLength(1)
    expect(attempts.map(({ on }) => on)).toEqual(['shared', 'next', 'next'])
  })
})

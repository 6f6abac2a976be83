import { randomUUID } from 'node:crypto'
import { Connection } from '@temporalio/client'
import { msToTs } from '@temporalio/common/lib/time.js'
import proto from '@temporalio/proto'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WORKER_LOST } from '../../protocol/contract.ts'
import { bury } from '../../worker/bury.ts'
import { sharedTemporal } from '../support/temporal.ts'

const { CommandType, EventType } = proto.temporal.api.enums.v1
const namespace = 'default'
const tenMinutes = msToTs('10 minutes')

let connection: Connection

beforeAll(async () => {
  connection = await Connection.connect(sharedTemporal())
  return () => connection.close()
})

/** Polls answer only within a deadline. */
const polling = <T>(poll: () => Promise<T>) => connection.withDeadline(Date.now() + 25_000, poll)

/** A workflow with one activity for each worker, given to it and not ended: what a killed process leaves behind. */
async function openActivities(workers: string[]): Promise<{ workflowId: string; runId: string }> {
  const { workflowService } = connection
  const workflowId = randomUUID()
  const taskQueue = { name: workflowId }
  const { runId } = await workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    workflowType: { name: 'any' },
    taskQueue,
    requestId: randomUUID(),
  })
  onTestFinished(async () => {
    await workflowService.terminateWorkflowExecution({ namespace, workflowExecution: { workflowId } })
  })
  const task = await polling(() =>
    workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity: workers[0]! }),
  )
  await workflowService.respondWorkflowTaskCompleted({
    namespace,
    taskToken: task.taskToken,
    identity: workers[0]!,
    stickyAttributes: { workerTaskQueue: { name: `sticky-${workflowId}` }, scheduleToStartTimeout: tenMinutes },
    commands: workers.map((worker) => ({
      commandType: CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK,
      scheduleActivityTaskCommandAttributes: {
        activityId: worker,
        activityType: { name: 'any' },
        taskQueue: { name: `${workflowId}-${worker}` },
        startToCloseTimeout: tenMinutes,
        retryPolicy: { maximumAttempts: 1 },
      },
    })),
  })
  for (const worker of workers) {
    const queue = { name: `${workflowId}-${worker}` }
    await polling(() => workflowService.pollActivityTaskQueue({ namespace, taskQueue: queue, identity: worker }))
  }
  return { workflowId, runId }
}

async function events(workflowId: string) {
  const { history } = await connection.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId },
  })
  return history!.events!
}

describe('burying a dead worker', () => {
  it('fails its activities as lost, and only its own', async () => {
    const execution = await openActivities(['dead', 'alive'])
    const failed = await bury(connection, namespace, {
      identity: 'dead',
      openActivities: [{ ...execution, activityId: 'dead' }],
    })
    expect(failed).toBe(1)
    const lost = (await events(execution.workflowId)).filter(
      ({ eventType }) => eventType === EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED,
    )
    expect(
      lost.map(
        ({ activityTaskFailedEventAttributes: attributes }) => attributes!.failure!.applicationFailureInfo!.type,
      ),
    ).toEqual([WORKER_LOST])
    const { pendingActivities } = await connection.workflowService.describeWorkflowExecution({
      namespace,
      execution: { workflowId: execution.workflowId },
    })
    expect(pendingActivities!.map(({ activityId }) => activityId)).toEqual(['alive'])
  })

  it('finds an activity that the dead worker had not reported yet', async () => {
    const { workflowId } = await openActivities(['dead'])
    expect(
      await bury(connection, namespace, { identity: 'dead', openActivities: [], recentWorkflows: [workflowId] }),
    ).toBe(1)
  })

  it('gives the next workflow task to any worker, not to the dead one', async () => {
    const { workflowId, runId } = await openActivities(['dead'])
    await bury(connection, namespace, { identity: 'dead', openActivities: [{ workflowId, runId, activityId: 'dead' }] })
    // Answers only when the task comes to the shared queue: the sticky one would keep it for ten minutes.
    const taskQueue = { name: workflowId }
    const task = await polling(() =>
      connection.workflowService.pollWorkflowTaskQueue({ namespace, taskQueue, identity: 'alive' }),
    )
    expect(task.workflowExecution!.workflowId).toBe(workflowId)
  })

  it('does nothing about workflows that are gone', async () => {
    const gone = { workflowId: 'never-was', runId: randomUUID(), activityId: '1' }
    expect(await bury(connection, namespace, { identity: 'dead', openActivities: [gone] })).toBe(0)
  })
})

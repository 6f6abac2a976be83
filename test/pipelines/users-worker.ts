import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker'
import { until } from '../support/until.ts'

/** A user's worker: it knows nothing of Holdfast but what the bundle of its workflows has. */
export interface UsersWorker {
  client: Client
  connection: Connection
  taskQueue: string
  bundle: { code: string }
  stop(): Promise<void>
}

export async function startUsersWorker(
  { address, namespace }: { address: string; namespace: string },
  workflows: string,
  taskQueue = 'pipelines',
): Promise<UsersWorker> {
  const native = await NativeConnection.connect({ address })
  const connection = await Connection.connect({ address })
  const bundle = await bundleOf(workflows)
  const worker = await Worker.create({ connection: native, namespace, taskQueue, workflowBundle: bundle })
  const ended = worker.run()
  return {
    client: new Client({ connection, namespace }),
    connection,
    taskQueue,
    bundle,
    async stop() {
      worker.shutdown()
      await ended
      await connection.close()
      await native.close()
    },
  }
}

export function bundleOf(workflows: string): Promise<{ code: string }> {
  return bundleWorkflowCode({
    workflowsPath: fileURLToPath(new URL(workflows, import.meta.url)),
    logger: new DefaultLogger('ERROR'),
  })
}

/** The events of every run of a workflow, the newest run last; the client must read what the workflow's worker writes. */
export async function historiesOf(client: Client, workflowId: string) {
  const runIds: string[] = []
  for await (const { runId, startTime } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` })) {
    runIds.push(`${startTime.getTime()} ${runId}`)
  }
  return Promise.all(
    runIds.sort().map((run) => client.workflow.getHandle(workflowId, run.split(' ')[1]).fetchHistory()),
  )
}

/** A pipeline that waits for a notice of its session. */
export async function waits(client: Client, workflowId: string): Promise<void> {
  const handle = client.workflow.getHandle(workflowId)
  await until(async () => {
    const { events } = await handle.fetchHistory()
    const scheduled = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? []
    const watch = scheduled.findLast(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'holdfastWatch',
    )
    return events?.some(
      (event) => watch && event.activityTaskCompletedEventAttributes?.scheduledEventId?.eq(watch.eventId!),
    )
  })
}

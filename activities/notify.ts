import { activityInfo } from '@temporalio/activity'
import type { Connection } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import { isNotFound } from '../log/tail.ts'
import { type NotifyInput, names } from '../protocol/contract.ts'

/** The activity `notify`: signals a workflow that waits for the session. One that has ended waits no more. */
export function makeNotify({ connection }: { connection: Connection }) {
  return async function notify({ watcher, notice }: NotifyInput): Promise<void> {
    await connection.workflowService
      .signalWorkflowExecution({
        namespace: watcher.namespace,
        workflowExecution: { workflowId: watcher.workflowId },
        signalName: names.notice,
        // Plain: it is read by the user's own workers, which know nothing of our codec. It says nothing but a status.
        input: { payloads: [defaultPayloadConverter.toPayload(notice)] },
        requestId: `${activityInfo().activityId}-${watcher.id}`,
      })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }
}

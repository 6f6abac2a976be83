import { status as Grpc } from '@grpc/grpc-js'
import { ApplicationFailure, activityInfo } from '@temporalio/activity'
import { type Connection, isGrpcServiceError } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import { isNotFound } from '../log/tail.ts'
import { type NotifyInput, names } from '../protocol/contract.ts'

/** Refusals that another try does not change. */
const final = new Set([Grpc.INVALID_ARGUMENT, Grpc.PERMISSION_DENIED, Grpc.UNAUTHENTICATED, Grpc.UNIMPLEMENTED])

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
        if (isNotFound(error)) return
        if (isGrpcServiceError(error) && final.has(error.code)) throw ApplicationFailure.nonRetryable(error.message)
        throw error
      })
  }
}

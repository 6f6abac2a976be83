import { ApplicationFailure } from '@temporalio/activity'
import { ApplicationFailureCategory } from '@temporalio/common'
import { MODEL_FAILURE, type ModelFailure } from '../../protocol/contract.ts'
import { ModelRequestFailed } from './provider.ts'

/** A failure that another attempt would not mend. */
export const permanent = (message: string) =>
  new ModelRequestFailed({ error: 'unknown_error', message, transient: false })

/**
 * A failed model request as the activity reports it to the workflow. Anything else is left as it is.
 * @param more for the workflow to know beside it
 */
export function asFailure(
  error: unknown,
  more: Pick<ModelFailure, 'elsewhere' | 'host' | 'usage' | 'cost'> = {},
): unknown {
  if (!(error instanceof ModelRequestFailed)) return error
  const failure: ModelFailure = { ...error.failure, ...more }
  return ApplicationFailure.create({
    type: MODEL_FAILURE,
    message: failure.message,
    details: [failure],
    nonRetryable: true,
    // Expected, and shown on the session: no warning in the worker's log.
    category: ApplicationFailureCategory.BENIGN,
  })
}

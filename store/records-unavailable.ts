import { RECORDS_UNAVAILABLE } from '../protocol/contract.ts'

/**
 * The database of the records is away, or gives no answer. `code` tells it from other errors, also across packages.
 * The message is for everybody; what the database or the network said is the cause, which names hosts.
 */
export class RecordsUnavailable extends Error {
  override readonly name = RECORDS_UNAVAILABLE
  readonly code = 'records_unavailable'
  /** Nobody knows whether the change was made: the answer to it was lost. Otherwise nothing was changed. */
  readonly mayBeDone: boolean

  constructor({ cause, mayBeDone = false }: { cause: unknown; mayBeDone?: boolean }) {
    super(
      mayBeDone
        ? 'the database of the records does not answer, and what was asked may be done all the same: try again, with the same Idempotency-Key'
        : 'the database of the records cannot be reached at the moment: try again',
      { cause },
    )
    this.mayBeDone = mayBeDone
  }
}

/** Whether a change that failed may be in the records all the same: then what it names has to stay. */
export const mayBeDone = (error: unknown): boolean => error instanceof RecordsUnavailable && error.mayBeDone

import Anthropic from '@anthropic-ai/sdk'
import { CommanderError } from 'commander'
import { ApiError } from '../protocol/errors.ts'
import { type ExitCode, exitCodes } from './exit-codes.ts'

/** A command cannot go on. Its message is one line that says what to do next. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: ExitCode

  constructor(message: string, exitCode: ExitCode = exitCodes.failed, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** The command line is wrong. */
export const usageError = (message: string) => new Failure(message, exitCodes.usage)

/** Ctrl-C, or a signal that asks for the end. */
export class Interrupted extends Failure {
  constructor() {
    super('interrupted', exitCodes.interrupted)
  }
}

/** Any error as a failure with the exit code that fits. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error
  if (error instanceof CommanderError) {
    // Help and version are what was asked for; what is wrong commander has said already.
    return new Failure('', error.exitCode === 0 ? exitCodes.ok : exitCodes.usage)
  }
  if (error instanceof Anthropic.APIError && error.status !== undefined) return refusal(error)
  if (error instanceof ApiError) return new Failure(error.message, codeOf(error.status, error.code), { cause: error })
  return new Failure(error instanceof Error ? error.message : String(error), exitCodes.failed, { cause: error })
}

interface Envelope {
  error?: { message?: string; details?: { error_code?: string } }
}

function refusal(error: InstanceType<typeof Anthropic.APIError>): Failure {
  const { error: body } = (error.error ?? {}) as Envelope
  const said = body?.message ?? error.message
  const message = error.status === 401 ? `${said}: export HOLDFAST_API_KEY=...` : said
  return new Failure(message, codeOf(error.status as number, body?.details?.error_code), { cause: error })
}

/** Codes of a 400 that is about the state of an object, not about the request. */
const stateCodes = new Set(['environment_archived', 'memory_store_archived', 'memory_store_full', 'file_expired'])

function codeOf(status: number, code: string | undefined): ExitCode {
  if (status === 404) return exitCodes.notFound
  if (status === 409 || (code !== undefined && stateCodes.has(code))) return exitCodes.conflict
  return status === 503 ? exitCodes.unreachable : exitCodes.failed
}

/**
 * For requests that name an object and say nothing else: they cannot be malformed, so a 400 is about the object's state.
 * @throws Failure
 */
export async function stateRequest<T>(request: PromiseLike<T>): Promise<T> {
  try {
    return await request
  } catch (error) {
    if (!(error instanceof Anthropic.BadRequestError)) throw error
    throw new Failure(failureOf(error).message, exitCodes.conflict, { cause: error })
  }
}

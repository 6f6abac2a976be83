import { setTimeout as sleep } from 'node:timers/promises'
import { status as Grpc } from '@grpc/grpc-js'
import { Connection } from '@temporalio/client'

/** Its database answers everything with `interrupted`, or the server answers nothing at all. */
export type Stuck = 'interrupted' | 'silent'

/** Milliseconds. */
export interface StuckTimes {
  /** How often the server is asked for something that it reads from its database. @default 2 s */
  everyMs: number
  /** Between an answer that says it is stuck and the question whether it still is. @default 250 */
  againMs: number
  /** For each answer. @default 5 s */
  answerMs: number
}

const usual: StuckTimes = { everyMs: 2000, againMs: 250, answerMs: 5000 }
/** Health checks in a row that a server which is alive cannot all leave without an answer, however loaded the machine is. */
const healthChecks = 6

/**
 * Resolves with how the server is stuck, once it is; with undefined when `signal` aborts first.
 *
 * `interrupted`: it answers so twice in a row. Its SQLite driver (modernc.org/sqlite before 1.40.1) loses a statement whose
 * request is given up as the first row comes. SQLite forgets an interrupt when no statement runs, which is never again:
 * whatever is asked fails until the server is started again.
 *
 * `silent`: for half a minute it answers no health check, which it does without its database.
 *
 * Any other failure is neither, and says nothing.
 */
export async function untilStuck(
  address: string,
  namespace: string,
  signal: AbortSignal,
  times: Partial<StuckTimes> = {},
): Promise<Stuck | undefined> {
  const { everyMs, againMs, answerMs } = { ...usual, ...times }
  const connection = Connection.lazy({
    address,
    // Without the SDK's retries: what they hide for seconds is looked for here.
    interceptors: [],
    // Nor is a connection that is silent broken off: a failure would pass for an answer.
    channelArgs: { 'grpc.keepalive_time_ms': 2 ** 31 - 1 },
  })
  const ask = (call: () => Promise<unknown>) => answerTo(connection, answerMs, call)
  try {
    for (let interrupted = 0; ; ) {
      await sleep(interrupted === 0 ? everyMs : againMs, undefined, { signal })
      const answer = await ask(() => connection.workflowService.describeNamespace({ namespace }))
      interrupted = answer === 'interrupted' ? interrupted + 1 : 0
      if (interrupted === 2) return 'interrupted'
      if (answer !== 'none') continue
      for (let silent = 0; (await ask(() => connection.healthService.check({}))) === 'none'; ) {
        if (++silent === healthChecks) return 'silent'
        signal.throwIfAborted()
      }
    }
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  } finally {
    await connection.close()
  }
}

type Answer = 'none' | 'interrupted' | 'other'

/** What the server says to a call. One whose end this process itself was late to see counts as answered: it did not look. */
async function answerTo(connection: Connection, answerMs: number, call: () => Promise<unknown>): Promise<Answer> {
  const begun = performance.now()
  try {
    await connection.withDeadline(Date.now() + answerMs, call)
    return 'other'
  } catch (error) {
    const { code, details = '' } = error as { code?: number; details?: string }
    if (/\binterrupted \(9\)/.test(details)) return 'interrupted'
    const wasLate = performance.now() - begun > answerMs * 1.5
    return code === Grpc.DEADLINE_EXCEEDED && !wasLate ? 'none' : 'other'
  }
}

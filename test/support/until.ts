import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves with the first value of `look` that is neither undefined nor false. Only the test's own time-out ends it. */
export async function until<T>(look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    await sleep(10)
  }
}

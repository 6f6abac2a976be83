import { setTimeout as sleep } from 'node:timers/promises'

type Nothing = undefined | null | false

/** Resolves with the first value of `look` that is neither undefined, null nor false. Only the test's own time-out ends it. */
export async function until<T>(look: () => T | Nothing | Promise<T | Nothing>): Promise<T> {
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== null && seen !== false) return seen
    await sleep(10)
  }
}

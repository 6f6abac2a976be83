import { setTimeout as wait } from 'node:timers/promises'
import { letOthersGo } from './breathe.ts'

/** How long the store is left to others after a transaction: a part of what that took, and milliseconds at most. */
const pausePart = 0.5
const longestPauseMs = 50

let last: Promise<unknown> = Promise.resolve()
let leftToOthersUntil = 0

/**
 * Runs a transaction when those before it are done, and the store was left to others for a while. A process that waits
 * for the database does nothing else meanwhile, and looks only now and then whether it is free: it would find it taken
 * again and again by one that writes without a pause. Nobody waits behind the last transaction.
 */
export function writeInTurn<T>(write: () => Promise<T>): Promise<T> {
  const written = last.then(async () => {
    const pauseMs = leftToOthersUntil - performance.now()
    await (pauseMs > 0 ? wait(pauseMs) : letOthersGo())
    const began = performance.now()
    try {
      return await write()
    } finally {
      const ended = performance.now()
      leftToOthersUntil = ended + Math.min((ended - began) * pausePart, longestPauseMs)
    }
  })
  last = written.catch(() => {})
  return written
}

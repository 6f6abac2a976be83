import { setTimeout as wait } from 'node:timers/promises'
import { aloneOrNot } from '../alone.ts'
import type { SessionMemory } from './session-memory.ts'

/** Milliseconds from one sweep to the next. */
const defaultIntervalMs = 5_000

/**
 * Saves what no tool call will: what background processes wrote after the last one, and what a killed worker left.
 * One process of the host does it at a time. A session without changes costs a look at its files.
 */
export async function sweep(
  memory: SessionMemory,
  { name, signal, intervalMs = defaultIntervalMs }: { name: string; signal: AbortSignal; intervalMs?: number },
): Promise<void> {
  while (!signal.aborted) {
    await aloneOrNot(`sweep ${name}`, async () => {
      for (const sessionId of await memory.sessions()) {
        if (signal.aborted) return
        await memory.settle(sessionId)
      }
    }).catch((error) => console.error('sweep of the memory folders:', error))
    await wait(intervalMs, undefined, { signal, ref: false }).catch(() => {})
  }
}

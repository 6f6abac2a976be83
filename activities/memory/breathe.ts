import { setImmediate as nextTurn } from 'node:timers/promises'

/** Work in one turn of the event loop: milliseconds, and files or rows. */
const longestMs = 5
const mostSteps = 25

let last: Promise<void> = Promise.resolve()
let began = 0
let steps = 0

/**
 * To be awaited after every step of a loop over files or rows. An agent decides how many there are, and the thread that
 * goes over them is the one that tells Temporal that this process is alive: others have their turn in between.
 */
export async function breathe(): Promise<void> {
  steps++
  if (steps >= mostSteps || performance.now() - began >= longestMs) await letOthersGo()
}

/** To be awaited after a step that is long by itself. However many comparisons go on, one of them has the next turn. */
export async function letOthersGo(): Promise<void> {
  last = last.then(() => nextTurn())
  await last
  began = performance.now()
  steps = 0
}

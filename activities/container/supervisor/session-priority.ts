import { writeFileSync } from 'node:fs'

/** Of the processes of containers; 0 is the usual, a greater one waits for lesser ones. */
export const niceness = 10

/** Milliseconds from one change of a session's priority to the next that Linux allows to others than root, in all. */
const pauseMs = 150
const mostTries = 40

/**
 * Gives a session of processes, named by one of them, a niceness. Where Linux shares the processors out by session
 * (autogroup) every session gets as much, and the niceness of processes counts within their session alone. Elsewhere this
 * does nothing.
 */
export function lowerSession(pid: number, to = niceness, tries = mostTries): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(to))
  } catch (error) {
    const isTooSoon = (error as NodeJS.ErrnoException).code === 'EAGAIN'
    if (isTooSoon && tries > 1) setTimeout(() => lowerSession(pid, to, tries - 1), pauseMs).unref()
  }
}

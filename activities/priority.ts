import os from 'node:os'
import { niceness as containers, lowerSession } from './container/supervisor/session-priority.ts'

/**
 * Of processes; 0 is the usual, a greater one waits for lesser ones. What has many waiting goes first, the Temporal server
 * and the API; behind the workers come the agents' commands.
 */
export const niceness = { workers: 5, containers }

/** Lowers a process, and with it what it will start. */
export function lowerPriority(to: number, pid = process.pid): void {
  try {
    if (os.getPriority(pid) < to) os.setPriority(pid, to)
  } catch {
    // It is gone already.
  }
}

/** Lowers this process and its session, which is its own. Workers keep their session's share: a turn would pay for it. */
export function lowerOwnSession(to: number): void {
  lowerPriority(to)
  lowerSession(process.pid, to)
}

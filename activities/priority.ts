import { readFileSync } from 'node:fs'
import os from 'node:os'
import { niceness as containers, lowerSession } from './container/supervisor/session-priority.ts'

/**
 * Of processes; 0 is the usual, a greater one waits for lesser ones. What has many waiting goes first, the Temporal server
 * and the API; behind the workers come the agents' commands.
 */
export const niceness = { workers: 5, containers }

/** Lowers a process, its session if that is its own, and with them what it will start. */
export function lowerPriority(to: number, pid = process.pid): void {
  try {
    if (os.getPriority(pid) < to) os.setPriority(pid, to)
    if (pid === process.pid || shareOf(pid) !== shareOf(process.pid)) lowerSession(pid, to)
  } catch {
    // It is gone already, or Linux does not share the processors out by session.
  }
}

const shareOf = (pid: number) => readFileSync(`/proc/${pid}/autogroup`, 'utf8').split(' ')[0]

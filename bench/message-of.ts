import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** The next message of a process that was forked. Rejects when the process ends before it. */
export async function messageOf<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${child.spawnargs.at(1)} ended with ${code ?? signal} before it said anything`)
  })
  // When its message has come, its end is somebody else's matter.
  ended.catch(() => {})
  const [message] = await Promise.race([once(child, 'message'), ended])
  return message as T
}

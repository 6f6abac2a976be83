import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** The next message of a process that was forked. Rejects when the process ends before it. */
export async function messageOf<T>(child: ChildProcess): Promise<T> {
  // Not its exit: that may be seen before what it said last.
  const ended = once(child, 'disconnect').then(() => {
    throw new Error(`${child.spawnargs.at(1)} ended before it said anything`)
  })
  // When its message has come, its end is somebody else's matter.
  ended.catch(() => {})
  const [message] = await Promise.race([once(child, 'message'), ended])
  return message as T
}

import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/**
 * Runs work that no other process of this host does at the same time under this name. The lock is the name of an
 * abstract socket: the kernel gives it to one and takes it back however that one ends.
 */
export async function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const lock = await take(name)
    if (lock) return whileHeld(lock, work)
    await wait(5)
  }
}

/** As `alone`, but does nothing when another is at it. */
export async function aloneOrNot<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
  const lock = await take(name)
  return lock && whileHeld(lock, work)
}

async function whileHeld<T>(lock: Server, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } finally {
    await new Promise((resolve) => lock.close(resolve))
  }
}

function take(name: string): Promise<Server | undefined> {
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32)
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    )
    server.listen({ path: `\0holdfast-${hash}` }, () => resolve(server))
  })
}

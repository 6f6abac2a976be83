import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** Milliseconds in which a keeper that is ending has to be gone. */
const patienceMs = 15_000

/** Name of the abstract socket that the keeper of a data folder holds for as long as it lives. */
export const lockOf = (dataDir: string) =>
  `\0holdfast-keeper-${createHash('sha256').update(dataDir).digest('hex').slice(0, 32)}`

/**
 * Of the keepers that are started for a data folder, one gets true and may touch it for as long as its process lives;
 * the others get false once it answers on the socket.
 * The lock is the name of an abstract socket: the kernel gives it to one and takes it back however that one ends.
 * @throws when there is another that neither answers nor ends
 */
export async function becomeTheOne(dataDir: string, socket: string): Promise<boolean> {
  const lock = lockOf(dataDir)
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await wait(20)) {
    if (await take(lock)) return true
    if (await answers(socket)) return false
  }
  throw new Error(`another keeper of ${dataDir} neither answers nor ends`)
}

function take(lock: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
    )
    server.listen({ path: lock }, () => resolve(true))
  })
}

function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const client = connect(address)
    client.once('connect', () => {
      client.destroy()
      resolve(true)
    })
    client.once('error', () => resolve(false))
  })
}

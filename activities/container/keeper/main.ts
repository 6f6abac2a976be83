/** The keeper process. Arguments: data folder, socket, idle milliseconds. */
import { rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import path from 'node:path'
import { Keeper } from './keeper.ts'

const [dataDir = '', socket = '', idleMs = '60000'] = process.argv.slice(2)
process.title = 'holdfast keeper'
const pidFile = path.join(path.dirname(socket), 'keeper.pid')

const keeper = await Keeper.create({
  dataDir,
  idleMs: Number(idleMs),
  onEnd: () => void rm(socket, { force: true }).finally(() => process.exit(0)),
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void keeper.end())
// A terminal's Ctrl-C is for the command that started the work, and that says so here itself.
process.on('SIGHUP', () => {})

try {
  await keeper.listen(socket)
} catch (error) {
  if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
  // Another keeper answers there: it is the one. Nobody answers: a dead one left its socket.
  if (await answers(socket)) process.exit(0)
  await rm(socket, { force: true })
  await keeper.listen(socket)
}
await writeFile(pidFile, String(process.pid))

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

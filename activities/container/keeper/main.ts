/** The keeper process. Arguments: data folder, socket, idle milliseconds. */
import { realpath, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { lowerOwnSession, niceness } from '../../priority.ts'
import { Keeper } from './keeper.ts'
import { becomeTheOne } from './the-one.ts'

const [dataDir = '', socket = '', idleMs = '60000'] = process.argv.slice(2)
process.title = 'holdfast keeper'
// Containers have it from here: commands that keep the processors busy are not to hold up the sessions.
lowerOwnSession(niceness.containers)
const pidFile = path.join(dataDir, 'keeper.pid')

// Before anything else: the beginning of a second one would clear away what the first one uses.
if (!(await becomeTheOne(await realpath(dataDir), socket))) process.exit(0)

const keeper = await Keeper.create({
  dataDir,
  idleMs: Number(idleMs),
  onEnd: () =>
    void Promise.all([socket, pidFile].map((file) => rm(file, { force: true }))).finally(() => process.exit(0)),
})
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void keeper.end())
// A terminal's Ctrl-C is for the command that started the work, and that says so here itself.
process.on('SIGHUP', () => {})

// One that was killed left its socket.
await rm(socket, { force: true })
await writeFile(pidFile, String(process.pid))
await keeper.listen(socket)

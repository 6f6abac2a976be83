import { spawn } from 'node:child_process'
import { lstat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'

/** What was ended just now may still be writing; after so many tries it is something else. */
const mostTries = 5
/** Milliseconds to the second try; each wait is longer by as many. */
const firstWaitMs = 20
/** Characters of what a program said last: its reasons come after paths of any length. */
const lastWords = 500

/**
 * Removes a folder that an agent could write to, with all that is below it; when there is none, nothing. It follows no
 * link. The work is the system's rm, which goes from descriptor to descriptor: Node's goes by whole paths, and those of
 * folders that lie deep enough the kernel refuses.
 * @throws in rm's own words
 */
export async function removeTree(folder: string): Promise<void> {
  for (let tries = 1; await exists(folder); tries++) {
    const failure = await run('rm', ['-rf', '--', folder])
    if (failure === undefined) return
    if (tries === mostTries) throw new Error(failure)
    // Folders that the agent closed to itself are closed to a process that is not root, too.
    if (process.getuid?.() !== 0) await run('chmod', ['-R', 'u+rwX', '--', folder])
    await wait(tries * firstWaitMs)
  }
}

/** Asked first: most sessions have no folder in most places, and a process costs more than a look. */
const exists = (folder: string) =>
  lstat(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
  )

/** Returns what the program said when it failed. */
async function run(program: string, options: string[]): Promise<string | undefined> {
  const child = spawn(program, options, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-lastWords)
  })
  const end = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killed) => resolve(killed ?? code))
  })
  return end === 0 ? undefined : said.trim() || `${program} ended with ${end}`
}

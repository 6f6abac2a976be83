import { fork } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { extension } from '../package-root.ts'
import { install } from './install.ts'
import { release } from './release.ts'
import { withProgress } from './with-progress.ts'

/** A download whose file did not grow for this long is given up: behind a closed network it would hang for minutes. */
const stallMs = 15_000

/** Lets Temporal's SDK download the CLI. Runs in a process of its own, because the SDK's download cannot be cancelled. */
export async function downloadBinary(target: string, report: (line: string) => void): Promise<void> {
  await install(target, (folder) =>
    withProgress(`downloading the Temporal server (CLI ${release})`, report, () => download(folder)),
  )
}

async function download(folder: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const child = fork(fileURLToPath(new URL(`download-process${extension}`, import.meta.url)), [folder, release], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  child.on('message', ({ problem }: { problem: string | null }) =>
    problem === null ? resolve() : reject(new Error(problem)),
  )
  child.on('error', reject)
  child.on('exit', () => reject(new Error("the SDK's download ended without a word")))
  const watch = setInterval(
    growth(folder, () => reject(new Error('no data came (no network?)'))),
    1000,
  )
  try {
    await promise
  } finally {
    clearInterval(watch)
    child.kill('SIGKILL')
  }
  const file = (await readdir(folder)).find((name) => !name.endsWith('.downloading'))
  if (!file) throw new Error("the SDK's download left no file")
  return path.join(folder, file)
}

/** A check that calls `onStall` when the folder has not grown for a while. */
function growth(folder: string, onStall: () => void): () => Promise<void> {
  let size = 0
  let grewAt = performance.now()
  return async () => {
    const now = await sizeOf(folder)
    if (now > size) grewAt = performance.now()
    else if (performance.now() - grewAt > stallMs) onStall()
    size = now
  }
}

async function sizeOf(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(path.join(folder, name)).then(
        (s) => s.size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Config } from '../worker/config/load-config.ts'

/**
 * Task queue of this host alone. Its name stays in the data folder, beside the containers that it is for: it is the same
 * after a restart, also when the machine has another name then.
 */
export async function hostQueue({ data, temporal }: Pick<Config, 'data' | 'temporal'>): Promise<string> {
  const file = path.join(data, 'host-name')
  const name = (await read(file)) ?? (await choose(file))
  return `${temporal.taskQueue}@${name}`
}

async function choose(file: string): Promise<string> {
  await mkdir(path.dirname(file), { recursive: true })
  const partial = `${file}.${process.pid}`
  await writeFile(partial, `${os.hostname()}-${randomBytes(4).toString('hex')}\n`)
  try {
    // Two that start at once agree: the first to link wins.
    await link(partial, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(partial, { force: true })
  }
  return (await read(file))!
}

async function read(file: string): Promise<string | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trim() || undefined
}

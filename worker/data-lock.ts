import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts'

export interface DataLock {
  release(): void
}

/**
 * Takes a data folder for this process. The lock is the kernel's, on a file in the folder, by way of SQLite: it is gone
 * the moment its process is, however that died, so that no lock is ever stale and none is ever broken.
 * @throws DataLocked when another process has it
 */
export async function lockData(directory: string): Promise<DataLock> {
  await mkdir(directory, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`the data folder ${directory} cannot be made (${error.code}): give another with --data`, {
      cause: error,
    })
  })
  const owner = path.join(directory, 'holdfast.pid')
  const database = new DatabaseSync(path.join(directory, 'holdfast.lock'))
  try {
    database.exec('PRAGMA journal_mode = DELETE')
    database.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    // 5 and 8 are SQLite's words for busy and for read-only.
    const code = (error as { errcode?: number }).errcode
    if (code === 5) throw new DataLocked(directory, await ownerOf(owner))
    throw new Error(`the data folder ${directory} cannot be written: ${(error as Error).message}`, { cause: error })
  }
  await writeFile(owner, JSON.stringify(identify(process.pid)))
  return { release: () => database.close() }
}

async function ownerOf(file: string): Promise<number | undefined> {
  try {
    const identity: ProcessIdentity = JSON.parse(await readFile(file, 'utf8'))
    return isAlive(identity) ? identity.pid : undefined
  } catch {
    return undefined
  }
}

export class DataLocked extends Error {
  override readonly name = 'DataLocked'
  readonly pid: number | undefined

  constructor(directory: string, pid: number | undefined) {
    super(
      `${pid === undefined ? 'another process' : `process ${pid}`} runs on the data folder ${directory}: ` +
        'stop it first, or give another folder with --data',
    )
    this.pid = pid
  }
}

import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { identify, isAlive, type ProcessIdentity } from '../process-identity.ts'

/** Who runs on a data folder, and who started it. */
interface Record {
  server: ProcessIdentity
  parent: ProcessIdentity
}

/** Notes the server's process in `file`, for the one that comes after a crash. */
export async function noteServer(file: string, pid: number): Promise<void> {
  const server = identify(pid)
  const parent = identify(process.pid)
  if (!server || !parent) return
  await writeFile(`${file}.partial`, JSON.stringify({ server, parent } satisfies Record))
  await rename(`${file}.partial`, file)
}

/**
 * Ends the server that a killed parent left behind: two servers on one data file would spoil it.
 * @throws DataInUse when its parent lives, for then it is no leftover
 */
export async function endLeftover(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  const record = text === undefined ? undefined : parse(text)
  if (record && isAlive(record.server)) {
    if (isAlive(record.parent)) throw new DataInUse(record)
    process.kill(record.server.pid, 'SIGKILL')
    while (isAlive(record.server)) await sleep(10)
  }
  await rm(file, { force: true })
}

function parse(text: string): Record | undefined {
  try {
    return JSON.parse(text) as Record
  } catch {
    return undefined
  }
}

export class DataInUse extends Error {
  override readonly name = 'DataInUse'

  constructor({ server, parent }: Record) {
    super(
      `process ${parent.pid} runs a Temporal server on this data (process ${server.pid}): stop it first, or use another data folder`,
    )
  }
}

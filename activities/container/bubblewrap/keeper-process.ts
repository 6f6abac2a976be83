import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { lockOf } from '../keeper/the-one.ts'

/** Milliseconds of a tick, which the kernel counts processor time in. */
const tickMs = 10

/** A process's first thread, at one moment. */
export interface Seen {
  /** Letter of its state, as of `ps`. */
  state: string
  /** Processor time that it has had. */
  ranMs: number
}

/** The process of a data folder's keeper. */
export class KeeperProcess {
  readonly pid: number
  readonly #began: string

  private constructor(pid: number, began: string) {
    this.pid = pid
    this.#began = began
  }

  /** Undefined unless the pid that was written down is that of who holds the lock: it may be another process's by now. */
  static of(dataDir: string): KeeperProcess | undefined {
    const pid = Number(read(path.join(dataDir, 'keeper.pid')))
    const began = pid > 0 ? statOf(pid)?.began : undefined
    return began !== undefined && holds(pid, lockOf(realpathSync(dataDir))) ? new KeeperProcess(pid, began) : undefined
  }

  /** Undefined when it has ended. */
  look(): Seen | undefined {
    const found = statOf(this.pid)
    return found?.began === this.#began ? found : undefined
  }

  kill(): void {
    try {
      process.kill(this.pid, 'SIGKILL')
    } catch {
      // It has ended.
    }
  }
}

function holds(pid: number, lock: string): boolean {
  // Abstract names are shown with an @ for each zero byte.
  const line = read('/proc/net/unix')
    .split('\n')
    .find((one) => one.replace(/@+$/, '').endsWith(` ${lock.replace('\0', '@')}`))
  const inode = line?.trim().split(/\s+/)[6]
  return inode !== undefined && descriptorsOf(pid).includes(`socket:[${inode}]`)
}

function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`
  try {
    return readdirSync(folder).map((name) => link(path.join(folder, name)))
  } catch {
    return []
  }
}

function link(file: string): string {
  try {
    return readlinkSync(file)
  } catch {
    return ''
  }
}

function statOf(pid: number): (Seen & { began: string }) | undefined {
  const text = read(`/proc/${pid}/task/${pid}/stat`)
  // What is before may have spaces and brackets in it. Source: proc(5).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, userTicks, systemTicks, began] = [fields[0], fields[11], fields[12], fields[19]]
  if (!state || began === undefined || state === 'Z') return undefined
  return { state, ranMs: (Number(userTicks) + Number(systemTicks)) * tickMs, began }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

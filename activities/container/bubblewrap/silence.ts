import { appendFileSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import type { Socket } from 'node:net'
import path from 'node:path'
import { lockOf } from '../keeper/the-one.ts'

/** Milliseconds between two looks at a keeper that somebody waits for. */
const beatMs = 1000
/** Milliseconds of silence after which it is ended, with all its containers. */
const patienceMs = 10_000
/** Milliseconds of a tick, which the kernel counts processor time in. */
const tickMs = 10

/** A process's first thread, at one moment. */
export interface Seen {
  /** Letter of its state, as of `ps`. */
  state: string
  /** Processor time that it has had. */
  ranMs: number
}

/**
 * How long a process has been silent that could have answered. As long as it waits for a processor or for the disk, only
 * the time counts in which it ran: on a loaded machine a living one may take its time.
 */
export class Silence {
  #ms = 0
  #before: Seen | undefined

  /** One more beat without an answer. True when it is silent for good. */
  add(seen: Seen): boolean {
    const ran = seen.ranMs - (this.#before?.ranMs ?? seen.ranMs)
    this.#before = seen
    const waits = seen.state === 'R' || seen.state === 'D'
    this.#ms += waits ? Math.min(ran, beatMs) : beatMs
    return this.#ms >= patienceMs
  }
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

/**
 * Kills the keeper at the other end of a socket when it is silent while somebody waits for it: the connection ends then,
 * and the next keeper goes on. Counted in beats of this process: one that was frozen itself has not waited.
 */
export function endWhenSilent(
  socket: Socket,
  dataDir: string,
  { isAwaited, ping, onEnd }: { isAwaited: () => boolean; ping: () => void; onEnd: () => void },
): void {
  let heard = true
  let silence = new Silence()
  // From the first silent beat on the same one: whoever comes after it is not to blame.
  let keeper: KeeperProcess | undefined
  const hear = () => {
    heard = true
  }
  const beat = () => {
    if (!isAwaited()) return end()
    if (heard) {
      heard = false
      silence = new Silence()
      keeper = undefined
      return ping()
    }
    keeper ??= KeeperProcess.of(dataDir)
    const seen = keeper?.look()
    if (!keeper || !seen || !silence.add(seen)) return
    keeper.kill()
    say(dataDir, `the keeper ${keeper.pid} did not answer for ${patienceMs / 1000} s (state ${seen.state}): killed`)
    end()
  }
  const timer = setInterval(beat, beatMs).unref()
  const end = () => {
    clearInterval(timer)
    socket.off('data', hear).off('close', end)
    onEnd()
  }
  socket.on('data', hear).on('close', end)
}

function say(dataDir: string, what: string): void {
  try {
    appendFileSync(path.join(dataDir, 'keeper.log'), `${new Date().toISOString()} ${what}\n`)
  } catch {
    // The disk is full: it is killed all the same.
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

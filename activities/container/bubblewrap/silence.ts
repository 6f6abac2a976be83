import { appendFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import path from 'node:path'
import { KeeperProcess, type Seen } from './keeper-process.ts'

/** Milliseconds between two looks at a keeper that somebody waits for. */
const beatMs = 1000
/** Milliseconds of silence after which it is ended, with all its containers. */
const patienceMs = 10_000
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

import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  fsync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import type { ToolResult } from '../../../protocol/contract.ts'

/** Aside, for it waits for the disk. All else here takes some 20 µs, and the way to another thread ten times that. */
const sync = promisify(fsync)

/** Characters of a call's output that are kept for the case that its result is lost. */
const partialKept = 100_000

export type Entry =
  | { state: 'none' }
  | { state: 'started'; fingerprint: string }
  | { state: 'done'; fingerprint: string; result: ToolResult }

/**
 * What is known of a session's calls, in files that outlive every process: a call is written down before it begins and
 * again when it has ended. So none is run twice, and one whose end nobody saw is known as such. Source: design §5.
 */
export class Ledger {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  read(id: string): Entry {
    const entry = this.look(id)
    if (entry.state !== 'started' || entry.fingerprint !== '') return entry
    // Who wrote it was killed in the middle of it, before the call.
    rmSync(this.#file(id, 'started'))
    return { state: 'none' }
  }

  /** The same for who is not the one that writes: a call that is being written down may begin. */
  look(id: string): Entry {
    const done = this.#read(id, 'done')
    const known = done === undefined ? undefined : parse(done)
    if (known) return { state: 'done', ...known }
    const fingerprint = this.#read(id, 'started')
    return fingerprint === undefined ? { state: 'none' } : { state: 'started', fingerprint }
  }

  /**
   * Writes down that the call begins, durably. The file must be new: of two who try, one wins.
   * @throws when it cannot be written (the disk is full, somebody was faster); then the call has not begun
   */
  async start(id: string, fingerprint: string): Promise<void> {
    const name = this.#file(id, 'started')
    const file = this.#create(name)
    try {
      writeFileSync(file, fingerprint)
      await sync(file)
    } catch (error) {
      rmSync(name, { force: true })
      throw error
    } finally {
      closeSync(file)
    }
  }

  /**
   * Writes down the call's result: from here on it outlives every process. It also outlives the machine's power when the
   * promise of `isOnDisk` resolves; a call whose result is lost before that is one of unknown end.
   */
  finish(id: string, fingerprint: string, result: ToolResult): { isOnDisk: Promise<void> } {
    const partial = this.#file(id, 'done.partial')
    const file = openSync(partial, 'w')
    try {
      writeFileSync(file, JSON.stringify({ fingerprint, result }))
      renameSync(partial, this.#file(id, 'done'))
    } catch (error) {
      closeSync(file)
      throw error
    }
    rmSync(this.#file(id, 'output'), { force: true })
    return { isOnDisk: sync(file).finally(() => closeSync(file)) }
  }

  /** Keeps output as it comes; it survives the death of this process, which is all it is for. */
  append(id: string, text: string): void {
    try {
      appendFileSync(this.#file(id, 'output'), text)
    } catch {
      // The disk is full: the call goes on.
    }
  }

  output(id: string): string {
    return (this.#read(id, 'output') ?? '').slice(0, partialKept)
  }

  #create(name: string): number {
    try {
      return openSync(name, 'wx')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      mkdirSync(this.#folder, { recursive: true })
      return openSync(name, 'wx')
    }
  }

  #read(id: string, kind: string): string | undefined {
    try {
      return readFileSync(this.#file(id, kind), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  #file(id: string, kind: string): string {
    if (!/^[A-Za-z0-9_]{1,128}$/.test(id)) throw new Error(`${JSON.stringify(id)} is no id of a call`)
    return path.join(this.#folder, `${id}.${kind}`)
  }
}

/** What makes two calls the same. */
export function fingerprint(call: { name: string; input: Record<string, unknown> }): string {
  return createHash('sha256')
    .update(JSON.stringify([call.name, call.input]))
    .digest('hex')
}

/** Undefined when a power failure left less than was written. */
function parse(done: string): { fingerprint: string; result: ToolResult } | undefined {
  try {
    return JSON.parse(done)
  } catch {
    return undefined
  }
}

import { createHash } from 'node:crypto'
import { appendFile, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { ToolResult } from '../../../protocol/contract.ts'

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
  /** The last of each call's appends that are under way. */
  readonly #appends = new Map<string, Promise<void>>()

  constructor(folder: string) {
    this.#folder = folder
  }

  async read(id: string): Promise<Entry> {
    const done = await readFile(this.#file(id, 'done'), 'utf8').catch(unlessMissing)
    if (done !== undefined) return { state: 'done', ...JSON.parse(done) }
    const fingerprint = await readFile(this.#file(id, 'started'), 'utf8').catch(unlessMissing)
    if (fingerprint === '') {
      // Who wrote it was killed in the middle of it, before the call.
      await rm(this.#file(id, 'started'))
      return { state: 'none' }
    }
    return fingerprint === undefined ? { state: 'none' } : { state: 'started', fingerprint }
  }

  /**
   * Writes down that the call begins. The file must be new: of two who try, one wins.
   * @throws when it cannot be written (the disk is full, somebody was faster); then the call has not begun
   */
  async start(id: string, fingerprint: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    const name = this.#file(id, 'started')
    const file = await open(name, 'wx')
    try {
      await file.writeFile(fingerprint)
      await file.sync()
    } catch (error) {
      await rm(name, { force: true })
      throw error
    } finally {
      await file.close()
    }
  }

  /** Writes down the call's result, durably. */
  async finish(id: string, fingerprint: string, result: ToolResult): Promise<void> {
    const partial = this.#file(id, 'done.partial')
    const file = await open(partial, 'w')
    try {
      await file.writeFile(JSON.stringify({ fingerprint, result }))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, this.#file(id, 'done'))
    await this.#appends.get(id)
    this.#appends.delete(id)
    await rm(this.#file(id, 'output'), { force: true })
  }

  /** Keeps output as it comes; it survives the death of this process, which is all it is for. */
  append(id: string, text: string): void {
    const before = this.#appends.get(id) ?? Promise.resolve()
    this.#appends.set(
      id,
      before.then(() => appendFile(this.#file(id, 'output'), text)).catch(() => {}),
    )
  }

  async output(id: string): Promise<string> {
    await this.#appends.get(id)
    const text = (await readFile(this.#file(id, 'output'), 'utf8').catch(unlessMissing)) ?? ''
    return text.slice(0, partialKept)
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

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined
  throw error
}

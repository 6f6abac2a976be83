import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

const folder = '/home/agent/.tool-output'
/** Bytes of one call's output that are kept on disk. */
const kept = 32 * 1024 * 1024

/**
 * The output of a call. The model sees all of it when it is short, otherwise beginning and end; then all of it is in a
 * file of the container. Source: spec §10.6.
 */
export class Output {
  /** Characters that the model sees. */
  static readonly shown = 100_000
  length = 0
  readonly #id: string
  #head = ''
  #tail = ''
  #file: number | undefined
  #written = 0

  constructor(id: string) {
    this.#id = id
  }

  append(text: string): void {
    this.length += text.length
    if (this.#file === undefined && this.length <= Output.shown) {
      this.#head += text
      return
    }
    if (this.#file === undefined) this.#spill()
    this.#save(text)
    this.#tail = (this.#tail + text).slice(-Output.shown / 2)
  }

  async text(): Promise<string> {
    if (this.#file === undefined) return clean(this.#head)
    closeSync(this.#file)
    const head = this.#head.slice(0, Output.shown / 2)
    const left = this.length - head.length - this.#tail.length
    const cut = this.#written >= kept ? `the first ${kept} bytes are` : 'all of it is'
    return clean(`${head}\n\n[${left} characters left out; ${cut} in ${this.#path}]\n\n${this.#tail}`)
  }

  get #path(): string {
    return `${folder}/${this.#id}.txt`
  }

  #spill(): void {
    mkdirSync(folder, { recursive: true })
    this.#file = openSync(this.#path, 'w')
    this.#save(this.#head)
    this.#tail = this.#head.slice(Output.shown / 2)
  }

  #save(text: string): void {
    const bytes = Buffer.from(text)
    const room = kept - this.#written
    if (room <= 0) return
    try {
      this.#written += writeSync(this.#file!, bytes.subarray(0, room))
    } catch {
      // The disk is full: the preview still is what it is.
      this.#written = kept
    }
  }
}

/** Without terminal sequences and without the line breaks at the end. */
function clean(text: string): string {
  return stripVTControlCharacters(text).replace(/\n+$/, '')
}

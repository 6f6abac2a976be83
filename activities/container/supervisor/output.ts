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
  #cut = false
  #file: number | undefined
  #written = 0
  #failed = false

  readonly #isTerminal: boolean

  /** @param options.isTerminal what is written for a terminal loses its colours. @default true */
  constructor(id: string, { isTerminal = true } = {}) {
    this.#id = id
    this.#isTerminal = isTerminal
  }

  /** No more is kept. */
  get isFull(): boolean {
    return this.#written >= kept || this.#failed
  }

  append(text: string): void {
    this.length += text.length
    if (!this.#cut) {
      this.#head += text
      if (this.length > Output.shown) this.#spill()
      return
    }
    this.#save(text)
    this.#tail = (this.#tail + text).slice(-Output.shown / 2)
  }

  async text(): Promise<string> {
    if (!this.#cut) return this.#clean(this.#head)
    if (this.#file !== undefined) closeSync(this.#file)
    const left = this.length - this.#head.length - this.#tail.length
    return this.#clean(`${this.#head}\n\n[${left} characters left out; ${this.#where()}]\n\n${this.#tail}`)
  }

  #where(): string {
    if (this.#failed) return `only the first ${this.#written} bytes could be written to ${this.#path}`
    return `${this.#written >= kept ? `the first ${kept} bytes are` : 'all of it is'} in ${this.#path}`
  }

  get #path(): string {
    return `${folder}/${this.#id}.txt`
  }

  #spill(): void {
    this.#cut = true
    try {
      mkdirSync(folder, { recursive: true })
      this.#file = openSync(this.#path, 'w')
    } catch {
      this.#failed = true
    }
    this.#save(this.#head)
    this.#tail = this.#head.slice(-Output.shown / 2)
    this.#head = this.#head.slice(0, Output.shown / 2)
  }

  /** Without terminal sequences and without the line breaks at the end. */
  #clean(text: string): string {
    return (this.#isTerminal ? stripVTControlCharacters(text) : text).replace(/\n+$/, '')
  }

  #save(text: string): void {
    const bytes = Buffer.from(text)
    const room = kept - this.#written
    if (room <= 0 || this.#failed) return
    try {
      this.#written += writeSync(this.#file!, bytes.subarray(0, room))
    } catch {
      // The disk is full: the preview still is what it is.
      this.#failed = true
    }
  }
}

import type { OutputRecord } from '../../store/output-records.ts'

/** What is known of a session's outputs, with the room that the offered ones take. */
export class KnownOutputs {
  readonly #byPath = new Map<string, OutputRecord>()
  #files = 0
  #bytes = 0

  constructor(outputs: OutputRecord[]) {
    for (const output of outputs) this.set(output)
  }

  get isEmpty(): boolean {
    return this.#byPath.size === 0
  }

  get paths(): Iterable<string> {
    return this.#byPath.keys()
  }

  get(path: string): OutputRecord | undefined {
    return this.#byPath.get(path)
  }

  set(output: OutputRecord): void {
    this.delete(output.path)
    this.#byPath.set(output.path, output)
    this.#count(output, 1)
  }

  delete(path: string): void {
    const output = this.#byPath.get(path)
    if (!output) return
    this.#byPath.delete(path)
    this.#count(output, -1)
  }

  /** Number and bytes of the offered files but this one. */
  others(path: string): { files: number; bytes: number } {
    const own = this.#byPath.get(path)
    if (!own?.fileId) return { files: this.#files, bytes: this.#bytes }
    return { files: this.#files - 1, bytes: this.#bytes - own.size }
  }

  #count({ fileId, size }: OutputRecord, sign: 1 | -1): void {
    if (fileId === null) return
    this.#files += sign
    this.#bytes += sign * size
  }
}

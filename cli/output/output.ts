import { details } from './details.ts'
import { aligned, type Column, tabSeparated } from './table.ts'

/**
 * Where a command writes. What it was asked for goes to standard output: for people on a terminal, for programs otherwise
 * (tab-separated lines, bare ids), as JSON with `--json`. What it has to say goes to standard error, on a terminal only.
 */
export class Output {
  readonly json: boolean
  readonly isTerminal = process.stdout.isTTY === true
  readonly #width = process.stdout.columns ?? 120

  constructor({ json = false }: { json?: boolean } = {}) {
    this.json = json
  }

  /** One object: as JSON, or as a person reads it. */
  object(value: object): void {
    if (this.json) this.line(JSON.stringify(value))
    else for (const line of details(value)) this.line(line)
  }

  /** What a change made: the object as JSON, a sentence for a person, its id for a program. */
  changed<T extends { id: string }>(value: T, sentence: string): void {
    if (this.json) this.line(JSON.stringify(value))
    else this.line(this.isTerminal ? sentence : value.id)
  }

  /** Many objects: JSON lines as they come, or a table. */
  async list<T extends object>(items: AsyncIterable<T>, columns: Column<T>[], none: string): Promise<void> {
    if (this.json) {
      for await (const item of items) this.line(JSON.stringify(item))
      return
    }
    const all: T[] = []
    for await (const item of items) all.push(item)
    if (!this.isTerminal) for (const line of tabSeparated(columns, all)) this.line(line)
    else if (all.length === 0) this.note(none)
    else for (const line of aligned(columns, all, this.#width)) this.line(line)
  }

  line(text: string): void {
    process.stdout.write(`${text}\n`)
  }

  /** For a person who watches; programs are not told. */
  note(text: string): void {
    if (process.stderr.isTTY) process.stderr.write(`${text}\n`)
  }
}

/** The first `count` items; the rest is never asked for. */
export async function* first<T>(items: AsyncIterable<T>, count: number): AsyncGenerator<T, void> {
  if (count <= 0) return
  let taken = 0
  for await (const item of items) {
    yield item
    if (++taken >= count) return
  }
}

import { bytes } from './times.ts'

const shownFrom = 1_000_000
const intervalMs = 100

/** How far a transfer has come, on one line of standard error that goes when it is done. Only on a terminal. */
export class Progress {
  readonly #label: string
  readonly #total: number
  readonly #isShown: boolean
  #done = 0
  #shownAt = 0

  constructor(label: string, total: number) {
    this.#label = label
    this.#total = total
    this.#isShown = process.stderr.isTTY === true && total >= shownFrom
  }

  add(count: number): void {
    this.#done += count
    const now = performance.now()
    if (!this.#isShown || now - this.#shownAt < intervalMs) return
    this.#shownAt = now
    const share = Math.min(100, Math.floor((this.#done / this.#total) * 100))
    process.stderr.write(`\r\u001b[K${this.#label} ${share}% of ${bytes(this.#total)}`)
  }

  /** What is sent after an attempt failed starts from the beginning. */
  restart(): void {
    this.#done = 0
  }

  end(): void {
    if (this.#isShown) process.stderr.write('\r\u001b[K')
  }

  /** Counts what passes. */
  through(): TransformStream<Uint8Array, Uint8Array> {
    return new TransformStream({
      transform: (chunk, controller) => {
        this.add(chunk.byteLength)
        controller.enqueue(chunk)
      },
    })
  }
}

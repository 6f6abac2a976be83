/** Cuts a stream of text into lines. A long line that comes in many pieces is put together once, at its end. */
export class Lines {
  #pieces: string[] = []
  /** Characters of the line that has not ended. */
  length = 0

  /** The lines that end in this chunk. */
  take(chunk: string): string[] {
    const lines = chunk.split('\n')
    const rest = lines.pop()!
    if (lines.length > 0) {
      lines[0] = this.#pieces.join('') + lines[0]
      this.#pieces = []
      this.length = 0
    }
    this.#pieces.push(rest)
    this.length += rest.length
    return lines
  }
}

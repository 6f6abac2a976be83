export interface RestartPaceOptions {
  /** Deaths within a minute that are answered at once. @default 3 */
  immediate?: number
  /** The first wait after that, milliseconds; it doubles with every further death. @default 1000 */
  firstMs?: number
  /** @default 30000 */
  longestMs?: number
}

const minuteMs = 60_000

/** How long to wait before a dead process is replaced: not at all at first, longer when it keeps dying. */
export class RestartPace {
  readonly #options: Required<RestartPaceOptions>
  #deaths: number[] = []

  constructor({ immediate = 3, firstMs = 1000, longestMs = 30_000 }: RestartPaceOptions = {}) {
    this.#options = { immediate, firstMs, longestMs }
  }

  /**
   * Counts a death.
   * @param now milliseconds on any clock that only goes forward
   * @returns milliseconds to wait
   */
  delay(now: number): number {
    const { immediate, firstMs, longestMs } = this.#options
    this.#deaths = [...this.#deaths.filter((at) => now - at < minuteMs), now]
    const excess = this.#deaths.length - immediate
    return excess <= 0 ? 0 : Math.min(longestMs, firstMs * 2 ** (excess - 1))
  }
}

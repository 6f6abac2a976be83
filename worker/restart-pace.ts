export interface RestartPaceOptions {
  /** Deaths within a minute that are answered at once. @default 3 */
  immediate?: number
  /** The first wait after that, milliseconds; it doubles with every further death. @default 1000 */
  firstMs?: number
  /** @default 30000 */
  longestMs?: number
  /** Who has worked for so long is replaced at once, whatever was before: that is no loop. @default 10000 */
  steadyMs?: number
}

const minuteMs = 60_000

/** How long to wait before a dead process is replaced: not at all at first, longer when it keeps dying. */
export class RestartPace {
  readonly #options: Required<RestartPaceOptions>
  #deaths: number[] = []

  constructor({ immediate = 3, firstMs = 1000, longestMs = 30_000, steadyMs = 10_000 }: RestartPaceOptions = {}) {
    this.#options = { immediate, firstMs, longestMs, steadyMs }
  }

  /**
   * Counts a death.
   * @param now milliseconds on any clock that only goes forward
   * @param since when it had begun to work, on the same clock; absent: it never did
   * @returns milliseconds to wait
   */
  delay(now: number, since?: number): number {
    const { immediate, firstMs, longestMs, steadyMs } = this.#options
    if (since !== undefined && now - since >= steadyMs) return 0
    this.#deaths = [...this.#deaths.filter((at) => now - at < minuteMs), now]
    const excess = this.#deaths.length - immediate
    return excess <= 0 ? 0 : Math.min(longestMs, firstMs * 2 ** (excess - 1))
  }
}

/** A bucket of tokens that fills evenly: so many a minute, and at most as many at once. Source: spec §2.9. */
export class TokenBucket {
  readonly #perMinute: number
  #tokens: number
  #at: number

  constructor(perMinute: number, now: number) {
    this.#perMinute = perMinute
    this.#tokens = perMinute
    this.#at = now
  }

  /**
   * Takes a token. Returns 0, or the milliseconds until there is one again.
   * @param now milliseconds of a clock that does not go back
   */
  take(now: number): number {
    const filled = this.#tokens + ((now - this.#at) * this.#perMinute) / 60_000
    this.#tokens = Math.min(this.#perMinute, filled)
    this.#at = now
    if (this.#tokens < 1) return ((1 - this.#tokens) * 60_000) / this.#perMinute
    this.#tokens -= 1
    return 0
  }
}

/** Carries short texts to all processes that share it; perhaps to the sender too. What is lost is lost. */
export interface Carrier {
  /** Bytes of the longest text that it takes. */
  readonly maxBytes: number
  /** Sends a text after those before it, as soon as it can; never throws. */
  send(text: string): void
  /** Is given what anybody sends. */
  onText: ((text: string) => void) | undefined
}

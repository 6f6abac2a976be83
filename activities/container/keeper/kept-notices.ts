import type { ContainerNotice } from '../provider.ts'

/** What a session has to hear with its next result, each once. */
export class KeptNotices {
  /** Texts of what it has heard. */
  readonly #told = new Set<string>()
  readonly #waiting: ContainerNotice[] = []

  /** Is told once for each time that it is added. */
  add(notice: ContainerNotice): void {
    this.#waiting.push(notice)
  }

  /** What waits, and those of `standing` that it has not heard. */
  take(standing: ContainerNotice[] = []): ContainerNotice[] {
    const fresh = standing.filter(({ text }) => !this.#told.has(text))
    for (const { text } of fresh) this.#told.add(text)
    return [...this.#waiting.splice(0), ...fresh]
  }
}

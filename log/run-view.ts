import type { Fact, StartedFact } from './facts.ts'
import { type LogItem, newProjection, type ProjectionState, project, waitingEvents } from './projection.ts'

/**
 * One run of a session as it is read: facts and the events they show, growing while the run is open. All readers of a
 * process share it; each keeps its own index. When the run goes on as another, `next` leads there.
 */
export class RunView {
  readonly facts: Fact[] = []
  readonly items: LogItem[] = []
  /** Items of each fact, so that a transcript need not project again. */
  readonly itemsOf: LogItem[][] = []
  next: RunView | undefined
  /** The run has ended and nothing follows it. */
  closed = false
  readonly #projection: ProjectionState
  #newest: { from: number; items: LogItem[] } | undefined
  #wake = new Set<() => void>()

  constructor(run: number) {
    this.#projection = newProjection(run)
  }

  get run(): number {
    return this.#projection.run
  }

  get started(): StartedFact | undefined {
    return this.facts[0]?.kind === 'started' ? this.facts[0] : undefined
  }

  /** Id of the history event at which the run was sealed, once it was. */
  get sealedAt(): number | undefined {
    return this.#projection.sealedAt
  }

  /** The newest history event that is in the view. */
  get lastId(): number {
    return this.facts.at(-1)?.id ?? 0
  }

  /** Events received and not yet processed, as of now. */
  get waiting() {
    return waitingEvents(this.#projection)
  }

  append(fact: Fact): void {
    const items = project(this.#projection, fact)
    this.facts.push(fact)
    this.itemsOf.push(items)
    this.items.push(...items)
    if (items.length > 0) this.#newest = undefined
  }

  /**
   * The items from a place on. All who are at the same place get the same array, so that what is made of it once serves
   * all of them.
   */
  since(from: number): readonly LogItem[] {
    if (this.#newest?.from !== from) this.#newest = { from, items: this.items.slice(from) }
    return this.#newest.items
  }

  /** Lets every reader look again. */
  wake(): void {
    const waiting = this.#wake
    this.#wake = new Set()
    for (const resolve of waiting) resolve()
  }

  /** Resolves at the next `wake`, or when the signal aborts. */
  changed(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        // Who leaves a session in which nothing happens would stay in it otherwise.
        this.#wake.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      if (signal?.aborted) return resolve()
      signal?.addEventListener('abort', done)
      this.#wake.add(done)
    })
  }
}

/** A finished run read from its facts. */
export function viewOf(run: number, facts: Fact[]): RunView {
  const view = new RunView(run)
  for (const fact of facts) view.append(fact)
  return view
}

/** How processes are asked whether they are there. */
export interface PulsePace {
  /** Milliseconds from one question to the next. */
  everyMs: number
  /** After as many without an answer a process is given up. */
  unanswered: number
}

/** Far more than any work of one piece takes, on a machine that is slow. */
const usual: PulsePace = { everyMs: 5000, unanswered: 6 }

/** Asks processes over and over, and tells of those that do not answer: stopped ones, and ones in a loop without end. */
export class Pulse<Subject extends object> {
  readonly #pace: PulsePace
  readonly #timer: NodeJS.Timeout
  /** Questions without an answer. */
  readonly #open = new WeakMap<Subject, number>()
  #askedAt = performance.now()

  /**
   * @param subjects who can answer now
   * @param ask sends the question
   * @param silent is told of one that has answered none of so many
   */
  constructor(
    subjects: () => Subject[],
    { ask, silent }: { ask: (subject: Subject) => void; silent: (subject: Subject) => void },
    pace = usual,
  ) {
    this.#pace = pace
    this.#timer = setInterval(() => {
      const now = performance.now()
      // Whoever was held up itself, on a machine that slept, gives the others time to wake up too.
      const isLate = now - this.#askedAt > 2 * pace.everyMs
      this.#askedAt = now
      for (const subject of subjects()) {
        const open = isLate ? 0 : (this.#open.get(subject) ?? 0)
        if (open >= pace.unanswered) silent(subject)
        else {
          this.#open.set(subject, open + 1)
          ask(subject)
        }
      }
    }, pace.everyMs).unref()
  }

  /** Seconds after which a process is given up. */
  get patience(): number {
    return (this.#pace.everyMs * this.#pace.unanswered) / 1000
  }

  answered(subject: Subject): void {
    this.#open.delete(subject)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}

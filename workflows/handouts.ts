import { proxySinks, workflowInfo } from '@temporalio/workflow'
import type { HandedFact, Handout, SessionSinks } from '../protocol/contract.ts'

const { prompts } = proxySinks<SessionSinks>()

/**
 * Gathers what prompts are made of and hands it to the worker with each model request. It writes no history and changes no
 * decision: a worker that has missed one reads the history instead.
 */
export class Handouts {
  readonly #run: number
  #sequence = 0
  #facts: HandedFact[] = []

  constructor(run: number) {
    this.#run = run
  }

  note(fact: HandedFact): void {
    this.#facts.push(fact)
  }

  /** Takes down the result of an activity before anybody acts on it, and without keeping anybody waiting. */
  noteResult(activity: string, activityId: string, result: Promise<unknown>): void {
    result.then(
      (result) => this.note({ kind: 'completed', activity, activityId, result }),
      () => {},
    )
  }

  /** For the model request of this id. Returns what its input has to name the handout by. */
  forRequest(activityId: string): { decidedAt: number } {
    const decidedAt = workflowInfo().historyLength
    this.#hand({ activityId, decidedAt })
    return { decidedAt }
  }

  /** The rest of a run that is continued as new. */
  last(): void {
    this.#hand()
  }

  #hand(request?: Handout['request']): void {
    prompts.hand({ run: this.#run, sequence: this.#sequence++, facts: this.#facts, ...(request && { request }) })
    this.#facts = []
  }
}

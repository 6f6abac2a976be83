import type { Fact } from '../log/facts.ts'
import { newProjection, type ProjectionState, project } from '../log/projection.ts'
import type { RunView } from '../log/run-view.ts'
import { Transcript } from '../log/transcript.ts'
import type { HandedFact, Handout } from '../protocol/contract.ts'
import type { PromptPlace } from './transcripts.ts'

/** The run of a workflow that hands something out, in Temporal's terms. */
export interface Handing {
  workflowId: string
  runId: string
}

interface Handed {
  runId: string
  run: number
  /** Of the next handout. */
  sequence: number
  /** Undefined while the runs before are not read. */
  transcript: Transcript | undefined
  /** What the transcript does not have yet. */
  facts: HandedFact[]
  projection: ProjectionState
  /** The request that the newest handout is for. */
  request: Handout['request']
}

/** Of the runs before a run, in order. */
export type SealedFacts = (from: number, before: number) => AsyncIterable<RunView>

/**
 * Prompts of what the workflows of this process hand out. What is not whole here, such as when another process has run
 * a session meanwhile, is not here at all: then the history is read.
 */
export class HandedPrompts {
  readonly #capacity: number
  readonly #handed = new Map<string, Handed>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** Takes a handout. A workflow that is replayed hands out everything again, from its run's beginning. */
  take({ workflowId, runId }: Handing, { run, sequence, facts, request }: Handout): void {
    const known = this.#handed.get(workflowId)
    this.#handed.delete(workflowId)
    const handed = sequence === 0 ? begin(runId, run, known) : known
    if (handed?.runId !== runId || handed.sequence !== sequence) return
    handed.sequence++
    handed.facts.push(...facts)
    handed.request = request
    if (handed.transcript) apply(handed, handed.transcript)
    // Newest last, so that the first ones are the longest unused.
    this.#handed.set(workflowId, handed)
    if (this.#handed.size > this.#capacity) this.#handed.delete(this.#handed.keys().next().value!)
  }

  /** What the request at this place is to know; undefined when what was handed out is not for it. */
  async transcript(sessionId: string, place: PromptPlace, sealedFacts: SealedFacts): Promise<Transcript | undefined> {
    const handed = this.#handed.get(sessionId)
    if (!handed || !isFor(handed, place)) return undefined
    if (!handed.transcript) {
      const transcript = new Transcript()
      for await (const { facts, itemsOf } of sealedFacts(place.transcriptFrom, handed.run)) {
        for (const [index, fact] of facts.entries()) transcript.apply(fact, itemsOf[index]!)
      }
      handed.transcript ??= transcript
      apply(handed, handed.transcript)
      // More may have been handed out while the runs before were read.
      if (!isFor(handed, place)) return undefined
    }
    return handed.transcript
  }
}

/** A run begins. Behind one that was handed out to its end it goes on with that one's transcript. */
function begin(runId: string, run: number, before: Handed | undefined): Handed {
  const isNext = before?.transcript && before.run === run - 1 && before.request === undefined
  const transcript = run === 0 ? new Transcript() : isNext ? before.transcript : undefined
  return { runId, run, sequence: 0, transcript, facts: [], projection: newProjection(run), request: undefined }
}

const isFor = ({ runId, request }: Handed, place: PromptPlace) =>
  request !== undefined &&
  place.decidedAt !== undefined &&
  runId === place.runId &&
  request.activityId === place.activityId &&
  // A task that another process made anew has seen more: it may ask under the same id for something else.
  request.decidedAt === place.decidedAt

function apply(handed: Handed, transcript: Transcript): void {
  for (const handedFact of handed.facts) {
    // A prompt has neither places nor times.
    const fact: Fact = { id: 0, at: '', ...handedFact }
    transcript.apply(fact, project(handed.projection, fact))
  }
  handed.facts = []
}

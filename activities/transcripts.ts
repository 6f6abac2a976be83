import { activityInfo } from '@temporalio/activity'
import type { Fact } from '../log/facts.ts'
import type { RunView } from '../log/run-view.ts'
import type { SessionLogs } from '../log/session-logs.ts'
import { Transcript, type TranscriptMessage } from '../log/transcript.ts'
import type { CompactInput, Handout } from '../protocol/contract.ts'
import { HandedPrompts, type Handing } from './handed-prompts.ts'

interface Known {
  transcript: Transcript
  view: RunView
  /** Facts of the view that the transcript has. */
  applied: number
}

export interface PromptPlace {
  run: number
  /** First run that the model still sees. */
  transcriptFrom: number
  /** Activity whose own scheduling ends the prompt. */
  activityId: string
  /** When it was scheduled, milliseconds since the epoch. */
  scheduledAt: number
  /** Temporal's id of the run. */
  runId: string
  /** Names, with the activity's id, the handout that is for it. */
  decidedAt?: number | undefined
}

/** Where the prompt of the running activity ends. */
export function promptPlace({ run, transcriptFrom, decidedAt }: CompactInput): PromptPlace {
  const { activityId, currentAttemptScheduledTimestampMs: scheduledAt, workflowExecution } = activityInfo()
  return { run, transcriptFrom, activityId, scheduledAt, runId: workflowExecution?.runId ?? '', decidedAt }
}

/** Below the shortest heartbeat time-out: an attempt that is younger cannot have been given up. */
const surelyWantedMs = 400

/**
 * Builds prompts: everything in a session's log before the activity that asks. That prefix never changes, so a retry
 * builds the same bytes; and what was built before is kept, so that the work is in proportion to what is new.
 *
 * What the workflow has handed out to this process is the same, and is there already; otherwise the history is read.
 */
export class Transcripts {
  readonly #logs: SessionLogs
  readonly #capacity: number
  readonly #known = new Map<string, Known>()
  readonly #handed: HandedPrompts

  constructor(logs: SessionLogs, capacity = 200) {
    this.#logs = logs
    this.#capacity = capacity
    this.#handed = new HandedPrompts(capacity)
  }

  /** Takes what a workflow of this process hands out. */
  take(workflow: Handing, handout: Handout): void {
    this.#handed.take(workflow, handout)
  }

  async messages(sessionId: string, place: PromptPlace, signal: AbortSignal): Promise<TranscriptMessage[]> {
    return (await this.#transcript(sessionId, place, signal)).messages()
  }

  /** What a compaction at this place is made from. */
  async toCompact(
    sessionId: string,
    place: PromptPlace,
    signal: AbortSignal,
  ): Promise<ReturnType<Transcript['toCompact']>> {
    return (await this.#transcript(sessionId, place, signal)).toCompact()
  }

  async #transcript(sessionId: string, place: PromptPlace, signal: AbortSignal): Promise<Transcript> {
    const log = this.#logs.get(sessionId)
    const handed = await this.#handed.transcript(sessionId, place, (from, before) => log.sealedFacts(from, before))
    if (handed && !mayBeGivenUp(place)) {
      // What was read before is not gone on with: it would keep the run that it ends in, and through that all that follow.
      this.#known.delete(sessionId)
      return handed
    }
    return this.#read(sessionId, log, place, signal)
  }

  /** From the history, which also says whether somebody else has done this step meanwhile. */
  async #read(
    sessionId: string,
    log: ReturnType<SessionLogs['get']>,
    place: PromptPlace,
    signal: AbortSignal,
  ): Promise<Transcript> {
    const release = log.tail.hold()
    try {
      let view = await runOf(log.tail, place.run, signal)
      let own = await indexOf(view, place.activityId, signal)
      while (own === undefined) {
        if (log.tail.current === view) throw new Error('the session has ended: this is a late attempt')
        // An operator reset the session: the run has another past.
        view = await runOf(log.tail, place.run, signal)
        own = await indexOf(view, place.activityId, signal)
      }
      const known = await this.#advance(sessionId, log, view, place, own)
      if (mayBeGivenUp(place)) await log.tail.catchUp()
      if (view.facts.some((fact) => isEnd(fact, place.activityId))) {
        throw new Error('this attempt was given up: another has taken its place')
      }
      return known.transcript
    } finally {
      release()
    }
  }

  async #advance(
    sessionId: string,
    log: ReturnType<SessionLogs['get']>,
    view: RunView,
    place: PromptPlace,
    own: number,
  ): Promise<Known> {
    let known = this.#known.get(sessionId)
    if (known && known.view !== view && known.view.next === view) {
      // The run rolled over: finish the old one, go on with the new one.
      apply(known, known.view.facts.length)
      known = { transcript: known.transcript, view, applied: 0 }
    }
    // Another run than expected, or further than this prompt reaches (an attempt that comes late): start over.
    if (!known || known.view !== view || known.applied > own) {
      known = { transcript: new Transcript(), view, applied: 0 }
      for await (const sealed of log.sealedFacts(place.transcriptFrom, place.run)) {
        apply({ transcript: known.transcript, view: sealed, applied: 0 }, sealed.facts.length)
      }
    }
    apply(known, own)
    this.#known.delete(sessionId)
    this.#known.set(sessionId, known)
    if (this.#known.size > this.#capacity) this.#known.delete(this.#known.keys().next().value!)
    return known
  }
}

/** A process that was frozen, or cut off from Temporal, must not ask for a step that another has done by now. */
const mayBeGivenUp = ({ scheduledAt }: PromptPlace) => Date.now() - scheduledAt > surelyWantedMs

function apply(known: Known, upTo: number): void {
  for (; known.applied < upTo; known.applied++) {
    known.transcript.apply(known.view.facts[known.applied]!, known.view.itemsOf[known.applied]!)
  }
}

const isEnd = (fact: Fact, activityId: string) =>
  (fact.kind === 'completed' || fact.kind === 'failed') && fact.activityId === activityId

/** The view of a run, once the tail has reached it. */
async function runOf(
  tail: { current: RunView | undefined; catchUp(): Promise<RunView> },
  run: number,
  signal: AbortSignal,
) {
  const { current } = tail
  // One that has ended may have been reset since: asked for its newest run, the tail finds out.
  let view = current && current.run >= run && !current.closed ? current : await tail.catchUp()
  while (view.run < run && !signal.aborted) {
    if (view.next) view = view.next
    else await view.changed(signal)
  }
  signal.throwIfAborted()
  if (view.run !== run) throw new Error(`run ${run} is over: this is a late attempt`)
  return view
}

/** Index of the fact that says that this activity was scheduled, once it is there; undefined when it never will be. */
async function indexOf(view: RunView, activityId: string, signal: AbortSignal): Promise<number | undefined> {
  const isOwn = (fact: Fact) => fact.kind === 'scheduled' && fact.activityId === activityId
  for (;;) {
    const index = view.facts.findLastIndex(isOwn)
    if (index >= 0) return index
    if (view.closed) return undefined
    signal.throwIfAborted()
    await view.changed(signal)
  }
}

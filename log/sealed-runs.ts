import { defaultPayloadConverter } from '@temporalio/common'
import type { temporal } from '@temporalio/proto'
import type { SealRunInput } from '../protocol/contract.ts'
import { HistoryDecoder } from './decoder.ts'
import type { Fact } from './facts.ts'
import type { Segment } from './segments.ts'
import { type HistorySource, isNotFound } from './tail.ts'

type HistoryEvent = temporal.api.history.v1.IHistoryEvent

/**
 * A session's earlier runs as Temporal still has them: what a segment was made of, and can be made of again. Runs are
 * found from the newest back, each names the one before it.
 */
export class SealedRuns {
  readonly #source: HistorySource
  readonly #workflowId: string
  #newest: string | undefined
  /** Runs found behind the newest one. */
  readonly #runIds = new Map<number, string>()

  constructor(source: HistorySource, workflowId: string) {
    this.#source = source
    this.#workflowId = workflowId
  }

  /** The segment of a run as `sealRun` wrote it; undefined when Temporal has the run no more, or it was never sealed. */
  async segment(run: number): Promise<Segment | undefined> {
    try {
      const runId = await this.#find(run)
      return runId === undefined ? undefined : await this.#read(run, runId)
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /** Whether Temporal has anything of the session. */
  async exist(): Promise<boolean> {
    try {
      return (await this.#describe()) !== undefined
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }

  async #find(run: number): Promise<string | undefined> {
    const newest = await this.#describe()
    // The session went on, or an operator reset it and it has another past.
    if (newest !== this.#newest) this.#runIds.clear()
    this.#newest = newest
    const later = [...this.#runIds.keys()].filter((known) => known >= run)
    let runId = later.length > 0 ? this.#runIds.get(Math.min(...later)) : newest
    while (runId && this.#runIds.get(run) !== runId) {
      const [first] = (await this.#page(runId, { maximumPageSize: 1 })).events
      const started = first && (await new HistoryDecoder(this.#source.codec).decode(first))
      if (started?.kind !== 'started' || started.input.run < run) return undefined
      this.#runIds.set(started.input.run, runId)
      if (started.input.run > run) runId = first?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? ''
    }
    return runId || undefined
  }

  async #read(run: number, runId: string): Promise<Segment | undefined> {
    const decoder = new HistoryDecoder(this.#source.codec)
    const facts: Fact[] = []
    let seal: { at: number; length: number; event: HistoryEvent } | undefined
    for (let token: Uint8Array | undefined; ; ) {
      const { events, nextPageToken } = await this.#page(runId, { nextPageToken: token })
      for (const event of events) {
        const fact = await decoder.decode(event)
        if (!fact) continue
        if (fact.kind === 'scheduled' && fact.activity === 'sealRun')
          seal = { at: fact.id, length: facts.length, event }
        facts.push(fact)
      }
      token = nextPageToken
      if (!token) break
    }
    if (!seal) return undefined
    const { final } = await this.#inputOf(seal.event)
    return {
      session: this.#workflowId,
      run,
      sealedAt: seal.at,
      ...(final && { final }),
      facts: facts.slice(0, seal.length),
    }
  }

  async #inputOf({ activityTaskScheduledEventAttributes: scheduled }: HistoryEvent): Promise<SealRunInput> {
    const [input] = await this.#source.codec.decode([scheduled!.input!.payloads![0]!])
    return defaultPayloadConverter.fromPayload(input!)
  }

  async #describe(): Promise<string | undefined> {
    const { connection, namespace } = this.#source
    const execution = { workflowId: this.#workflowId }
    const described = await connection.workflowService.describeWorkflowExecution({ namespace, execution })
    return described.workflowExecutionInfo?.execution?.runId ?? undefined
  }

  async #page(runId: string, options: { maximumPageSize?: number; nextPageToken?: Uint8Array }) {
    const { connection, namespace } = this.#source
    const execution = { workflowId: this.#workflowId, runId }
    const page = await connection.workflowService.getWorkflowExecutionHistory({ namespace, execution, ...options })
    return {
      events: page.history?.events ?? [],
      nextPageToken: page.nextPageToken?.length ? page.nextPageToken : undefined,
    }
  }
}

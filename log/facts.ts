/**
 * A session's history in plain data: the events that mean something, payloads decoded, activities named. Everything
 * above this works on facts; only `decoder.ts` knows Temporal's own form. Sealed segments store facts, so their shape
 * must stay readable for ever.
 */
import type { Announcement, Command, Compaction, ModelStep, SessionStart, ToolResult } from '../protocol/contract.ts'
import type { UserEvent } from '../protocol/events.ts'
import type { StepUsage } from '../protocol/usage.ts'

interface At {
  /** Id of the history event. */
  id: number
  /** Its time, RFC 3339. */
  at: string
}
interface OfActivity {
  activity: string
  activityId: string
}

export type StartedFact = At & { kind: 'started'; input: SessionStart }
export type CompletedFact = At & OfActivity & { kind: 'completed'; result: unknown }

export type Fact =
  | StartedFact
  | (At & { kind: 'delivered'; events: UserEvent[] })
  | (At & { kind: 'commanded'; command: Command })
  | (At & { kind: 'announced'; announcement: Announcement })
  | (At & OfActivity & { kind: 'scheduled' })
  | CompletedFact
  /** `usage`: what a model request had cost before it failed, as far as that is known. */
  | (At & OfActivity & { kind: 'failed'; how: 'failed' | 'timedOut' | 'canceled'; usage?: StepUsage })
  | (At & OfActivity & { kind: 'cancelRequested' })
  /** The run goes on as another. */
  | (At & { kind: 'continued'; runId: string })
  | (At & { kind: 'closed'; how: 'completed' | 'failed' | 'terminated' | 'canceled' | 'timedOut'; reason?: string })
  /** An operator took the workflow back to an earlier place of its history; what stands before this is from then. */
  | (At & { kind: 'reset'; reason: string })
  /** Workflow code threw; Temporal tries again for ever. */
  | (At & { kind: 'stuck'; message: string })

export const isModelStep = (fact: Fact): fact is CompletedFact & { result: ModelStep } =>
  fact.kind === 'completed' && fact.activity === 'callModel'

export const isCompaction = (fact: Fact): fact is CompletedFact & { result: Compaction } =>
  fact.kind === 'completed' && fact.activity === 'compact'

/** The result of a custom tool that a worker serves: the log shows it as the client's answer that it stands for. */
export const isServedResult = (fact: Fact): fact is CompletedFact & { result: ToolResult } =>
  fact.kind === 'completed' && fact.activity === 'serveTool'

export const isToolResult = (fact: Fact): fact is CompletedFact & { result: ToolResult } =>
  fact.kind === 'completed' && fact.activity === 'runTool'

/** The session ended by itself, and never goes on. One that was ended from outside does when an operator resets it. */
export const isCompletion = (newest: Fact | undefined): boolean =>
  newest?.kind === 'closed' && newest.how === 'completed'

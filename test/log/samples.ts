import type { CompletedFact, Fact, StartedFact } from '../../log/facts.ts'
import { type LogItem, newProjection, project } from '../../log/projection.ts'
import type { Announcement, Carried, Compaction, ModelStep, SessionStart, ToolResult } from '../../protocol/contract.ts'
import type { SessionEvent, UserMessageEvent } from '../../protocol/events.ts'
import { noUsage } from '../../protocol/usage.ts'

/** The time of history event `id`. */
export const time = (id: number): string => new Date(Date.UTC(2026, 10, 1) + id * 1000).toISOString()

/** Id of the model activity in these samples. */
export const base = 'Step1'

export function message(id: string, text = id): UserMessageEvent {
  return { type: 'user.message', id, content: [{ type: 'text', text }], processed_at: null }
}

export function start(fields: Partial<SessionStart> = {}): SessionStart {
  const settings = {
    rollOverEvents: 1000,
    modelAttempts: 3,
    retryInitialMs: 1,
    retryMaximumMs: 1,
    modelTimeoutMs: 1,
    toolTimeoutMs: 1,
    heartbeatTimeoutMs: 1,
    maxStepsPerTurn: 10,
  }
  return { run: 0, agentName: 'a', settings, revision: 1, ...fields }
}

export function carried(fields: Partial<Carried> = {}): Carried {
  return {
    status: 'idle',
    stopReason: null,
    phase: 'idle',
    inbox: [],
    lateFrom: 0,
    recent: [],
    commands: [],
    tools: [],
    usage: noUsage(),
    activeMs: 0,
    steps: 0,
    transcriptFrom: 0,
    ...fields,
  }
}

export const tokens = {
  input_tokens: 1,
  output_tokens: 2,
  cache_creation_input_tokens: 3,
  cache_read_input_tokens: 4,
}

/** A reply whose tool uses are all allowed built-ins. */
export function step(content: ModelStep['content'], fields: Partial<ModelStep> = {}): ModelStep {
  const tools = content.flatMap((block, index) =>
    block.type === 'tool_use' ? [{ index, kind: 'builtin' as const, permission: 'allow' as const }] : [],
  )
  return { model: 'm', content, stop_reason: 'end_turn', usage: tokens, tools, ...fields }
}

/** Facts as the history would have them. */
export const fact = {
  started: (id: number, fields?: Partial<SessionStart>): StartedFact => ({
    kind: 'started',
    id,
    at: time(id),
    input: start(fields),
  }),
  delivered: (id: number, ...ids: string[]): Fact => ({
    kind: 'delivered',
    id,
    at: time(id),
    events: ids.map((event) => message(event)),
  }),
  announced: (id: number, announcement: Partial<Announcement>): Fact => ({
    kind: 'announced',
    id,
    at: time(id),
    announcement: { events: [], ...announcement },
  }),
  scheduled: (id: number, activity: string, activityId = base): Fact => ({
    kind: 'scheduled',
    id,
    at: time(id),
    activity,
    activityId,
  }),
  failed: (id: number, activity: string, how: 'failed' | 'timedOut' | 'canceled', activityId = base): Fact => ({
    kind: 'failed',
    id,
    at: time(id),
    activity,
    activityId,
    how,
  }),
  replied: (id: number, result: ModelStep, activityId = base): CompletedFact => ({
    kind: 'completed',
    id,
    at: time(id),
    activity: 'callModel',
    activityId,
    result,
  }),
  compacted: (id: number, summary: string, activityId = `Compact${id}`): CompletedFact => ({
    kind: 'completed',
    id,
    at: time(id),
    activity: 'compact',
    activityId,
    result: { model: 'm', summary, usage: tokens, transcriptFrom: 0 } satisfies Compaction,
  }),
  ran: (id: number, activityId: string, text: string, fields: Partial<ToolResult> = {}): CompletedFact => ({
    kind: 'completed',
    id,
    at: time(id),
    activity: 'runTool',
    activityId,
    result: { content: [{ type: 'text', text }], is_error: false, outcome: 'done', ...fields } satisfies ToolResult,
  }),
}

/** What one run shows of these facts. */
export function itemsOf(facts: Fact[], run = 0): LogItem[] {
  const state = newProjection(run)
  return facts.flatMap((one) => project(state, one))
}

export const eventsOf = (facts: Fact[], run = 0): SessionEvent[] => itemsOf(facts, run).map(({ event }) => event)

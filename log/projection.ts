/** From facts to public events: the one place that says what the log of a session shows. Pure. Source: design §3. */
import type { Announcement, Compaction, ModelStep, SessionStart, ToolKind, ToolResult } from '../protocol/contract.ts'
import type { SessionEvent, UserEvent } from '../protocol/events.ts'
import { prefixes, stepEvent, toolResultId } from '../protocol/ids.ts'
import type { Cursor } from './cursor.ts'
import { type Fact, isCompaction, isModelStep, isServedResult, isToolResult } from './facts.ts'

export interface LogItem {
  cursor: Cursor
  event: SessionEvent
  /**
   * The event was only received: it is on the stream with `processed_at: null`, and comes again, stamped, where it is
   * processed. Lists show it once.
   */
  received: boolean
}

/** What the projection remembers of a run. Changed by `project`. */
export interface ProjectionState {
  run: number
  /** Events received and not yet processed. */
  waiting: Map<string, UserEvent>
  /** Ids of events that came with an idempotency key: a repetition is no new event. */
  recent: Set<string>
  /** Kinds of the tool uses whose results are still to come. */
  kinds: Map<string, ToolKind>
  /** Id of the history event at which the run was sealed; what is delivered behind it has its place there. */
  sealedAt: number | undefined
  /** How many events were delivered behind that seal. */
  late: number
}

export function newProjection(run: number): ProjectionState {
  return { run, waiting: new Map(), recent: new Set(), kinds: new Map(), sealedAt: undefined, late: 0 }
}

/** The public events of one fact, given in the order of the history. */
export function project(state: ProjectionState, fact: Fact): LogItem[] {
  switch (fact.kind) {
    case 'started':
      return begin(state, fact.id, fact.input)
    case 'delivered':
      return receive(state, fact.id, fact.events)
    case 'announced':
      return items(state, fact.id, announced(state, fact.announcement, fact.at))
    case 'scheduled':
      if (fact.activity === 'sealRun') sealed(state, fact.id)
      if (!asksModel(fact.activity)) return []
      return items(state, fact.id, [
        { type: 'span.model_request_start', id: stepEvent.start(fact.activityId), processed_at: fact.at },
      ])
    case 'completed':
      if (isModelStep(fact)) return items(state, fact.id, modelStep(state, fact.activityId, fact.result, fact.at))
      if (isCompaction(fact)) return items(state, fact.id, compaction(fact.activityId, fact.result, fact.at))
      if (isToolResult(fact)) return items(state, fact.id, [toolResult(state, fact.activityId, fact.result, fact.at)])
      if (isServedResult(fact)) return items(state, fact.id, [servedResult(fact.activityId, fact.result, fact.at)])
      return []
    case 'failed':
      // The run goes on: what comes has a place of its own again.
      if (fact.activity === 'sealRun') state.sealedAt = undefined
      if (!asksModel(fact.activity)) return []
      return items(state, fact.id, [requestEnd(fact.activityId, fact.at, true, fact.usage && { usage: fact.usage })])
    case 'stuck':
      return items(state, fact.id, [stuck(state.run, fact.id, fact.message, fact.at)])
    case 'reset':
      return items(state, fact.id, [byOperator(state.run, fact.id, resetText(fact.reason), 'retrying', fact.at)])
    case 'closed':
      return items(state, fact.id, ended(state.run, fact))
    default:
      return []
  }
}

/** With what a deleted session's workflow is terminated: its readers are told by another event. */
export const deletedReason = 'deleted'

const asksModel = (activity: string) => activity === 'callModel' || activity === 'compact'

/** Events received behind the seal of the run before: its segment does not have them. `sealedAt` is that run's. */
export function lateItems(input: SessionStart, sealedAt: number): LogItem[] {
  const late = input.carried?.inbox.slice(input.carried.lateFrom) ?? []
  return late.map((event, index) => ({ cursor: { run: input.run - 1, event: sealedAt, index }, event, received: true }))
}

/** The events that wait for their turn, in order. */
export function waitingEvents(state: ProjectionState): UserEvent[] {
  return [...state.waiting.values()]
}

function sealed(state: ProjectionState, at: number): void {
  state.sealedAt = at
  // Each seal counts what comes behind it by itself, as the input of the next run does.
  state.late = 0
}

function begin(state: ProjectionState, id: number, input: SessionStart): LogItem[] {
  for (const event of input.carried?.inbox ?? []) {
    state.waiting.set(event.id, event)
    state.recent.add(event.id)
  }
  for (const recent of input.carried?.recent ?? []) state.recent.add(recent)
  for (const tool of input.carried?.tools ?? []) state.kinds.set(tool.id, tool.kind)
  return receive(state, id, input.initialEvents ?? [])
}

function receive(state: ProjectionState, id: number, events: UserEvent[]): LogItem[] {
  const fresh = events.filter((event) => !state.recent.has(event.id))
  for (const event of fresh) {
    state.waiting.set(event.id, event)
    state.recent.add(event.id)
  }
  if (state.sealedAt === undefined) return items(state, id, fresh, true)
  const { run, sealedAt } = state
  return fresh.map((event) => ({ cursor: { run, event: sealedAt, index: state.late++ }, event, received: true }))
}

function announced(state: ProjectionState, announcement: Announcement, at: string): SessionEvent[] {
  const processed = (announcement.processed ?? []).flatMap((id): SessionEvent[] => {
    const event = state.waiting.get(id)
    state.waiting.delete(id)
    return event ? [{ ...event, processed_at: at }] : []
  })
  return [...processed, ...announcement.events.map((event) => ({ ...event, processed_at: at }) as SessionEvent)]
}

function modelStep(state: ProjectionState, base: string, step: ModelStep, at: string): SessionEvent[] {
  const events: SessionEvent[] = []
  for (let index = 0; index < step.content.length; index++) {
    const block = step.content[index]!
    const id = stepEvent.block(base, index)
    if (block.type === 'text') {
      const previous = events.at(-1)
      const text = { type: 'text' as const, text: String(block.text) }
      // Neighbouring text blocks are one message.
      if (previous?.type === 'agent.message' && step.content[index - 1]?.type === 'text') previous.content.push(text)
      else events.push({ type: 'agent.message', id, content: [text], processed_at: at })
    } else if (block.type === 'thinking' || block.type === 'redacted_thinking') {
      events.push({ type: 'agent.thinking', id, processed_at: at })
    } else if (block.type === 'tool_use') {
      events.push(toolUse(state, id, step, index, at))
    }
  }
  return [...events, requestEnd(base, at, false, step)]
}

function compaction(base: string, { usage }: Compaction, at: string): SessionEvent[] {
  return [
    { type: 'agent.thread_context_compacted', id: stepEvent.block(base, 0), processed_at: at },
    requestEnd(base, at, false, { usage }),
  ]
}

/** Nobody could announce it: the code that does is what failed. */
function stuck(run: number, id: number, reason: string, at: string): SessionEvent {
  const message = `the session cannot go on, and is tried again all the time: ${reason} (see holdfast doctor --sessions)`
  return {
    type: 'session.error',
    id: `${prefixes.event}stuck${run}x${id}`,
    error: { type: 'unknown_error', message, retry_status: { type: 'retrying' } },
    processed_at: at,
  }
}

/** Nobody could announce it either: the workflow was ended from outside. */
function ended(run: number, { id, at, how, reason }: Extract<Fact, { kind: 'closed' }>): SessionEvent[] {
  if (how === 'completed' || reason === deletedReason) return []
  const message = `the session's workflow was ended from outside (${how}${reason ? `: ${reason}` : ''}): it takes no more events`
  return [
    byOperator(run, id, message, 'terminal', at),
    { type: 'session.status_terminated', id: `${prefixes.event}ended${run}x${id}`, processed_at: at },
  ]
}

const resetText = (reason: string) =>
  `an operator reset the session to an earlier place: what it did after that is no longer in its log (${reason})`

function byOperator(run: number, id: number, message: string, type: 'retrying' | 'terminal', at: string): SessionEvent {
  return {
    type: 'session.error',
    id: `${prefixes.event}operator${run}x${id}`,
    error: { type: 'unknown_error', message, retry_status: { type } },
    processed_at: at,
  }
}

function toolUse(state: ProjectionState, id: string, step: ModelStep, index: number, at: string): SessionEvent {
  const block = step.content[index]!
  const note = step.tools.find((tool) => tool.index === index)!
  const common = { id, name: String(block.name), input: block.input as Record<string, unknown>, processed_at: at }
  state.kinds.set(id, note.kind)
  if (note.kind === 'custom') return { type: 'agent.custom_tool_use', ...common }
  const judged = {
    ...common,
    evaluated_permission: note.permission,
    ...(note.evaluation && { evaluation: note.evaluation }),
  }
  if (note.kind === 'mcp') {
    const { mcpServer: mcp_server_name = '', mcpTool: name = common.name } = note
    return { type: 'agent.mcp_tool_use', mcp_server_name, ...judged, name }
  }
  return { type: 'agent.tool_use', ...judged }
}

function toolResult(state: ProjectionState, activityId: string, result: ToolResult, at: string): SessionEvent {
  const toolUseId = toolUseOf(activityId)
  const common = { id: toolResultId(toolUseId), content: result.content, is_error: result.is_error, processed_at: at }
  return state.kinds.get(toolUseId) === 'mcp'
    ? { type: 'agent.mcp_tool_result', mcp_tool_use_id: toolUseId, ...common }
    : { type: 'agent.tool_result', tool_use_id: toolUseId, ...common }
}

function servedResult(activityId: string, { content, is_error }: ToolResult, at: string): SessionEvent {
  const toolUseId = toolUseOf(activityId)
  const id = toolResultId(toolUseId)
  return { type: 'user.custom_tool_result', id, custom_tool_use_id: toolUseId, content, is_error, processed_at: at }
}

/** A tool's activity is named after the tool use, with `.n` behind it from the second attempt on. */
export function toolUseOf(activityId: string): string {
  return activityId.startsWith(prefixes.event) ? activityId.replace(/\.\d+$/, '') : activityId
}

function requestEnd(
  base: string,
  at: string,
  isError: boolean,
  step: Pick<ModelStep, 'usage'> | undefined,
): SessionEvent {
  const usage = step?.usage
  return {
    type: 'span.model_request_end',
    id: stepEvent.end(base),
    model_request_start_id: stepEvent.start(base),
    is_error: isError,
    model_usage: {
      input_tokens: usage?.input_tokens ?? 0,
      output_tokens: usage?.output_tokens ?? 0,
      cache_creation_input_tokens: usage?.cache_creation_input_tokens ?? 0,
      cache_read_input_tokens: usage?.cache_read_input_tokens ?? 0,
      ...(usage?.speed && { speed: usage.speed }),
    },
    processed_at: at,
  }
}

function items(state: ProjectionState, id: number, events: SessionEvent[], received = false): LogItem[] {
  return events.map((event, index) => ({ cursor: { run: state.run, event: id, index }, event, received }))
}

import { monotonicMs } from '../log/bus.ts'
import { isNotFound } from '../log/tail.ts'
import { awaitedFor, type PendingToolUse } from '../protocol/contract.ts'
import { conflict, invalidRequest, notFound, notSupported } from '../protocol/errors.ts'
import { type EventParams, type EventSendParams, sendParams, type UserEvent } from '../protocol/events.ts'
import { newId, primaryThreadId } from '../protocol/ids.ts'
import { parse } from '../protocol/parse.ts'
import type { SessionRecord } from '../store/records.ts'
import { keyOf } from './idempotency-key.ts'
import { appeared, sentUnder } from './keyed-events.ts'
import { checkContent, keyedId, receivedEvents } from './received-events.ts'
import type { Runtime } from './runtime.ts'
import { SessionWorkflow } from './session-workflow.ts'
import { checkSystemMessage } from './system-message.ts'
import { isUnsettled, UnsettledSends } from './unsettled-sends.ts'

export interface Accepted {
  /** With a key as the log has them, which may be those of an earlier call. */
  events: UserEvent[]
  /** Whether the log has them, which alone can be waited for. */
  recorded: boolean
}

export interface SendOptions {
  /** The same key sends once, however often it is repeated. */
  idempotencyKey?: string | undefined
  /**
   * Another try of a request that failed, with the same events and without a key: what was sent by the first one is not sent
   * again, as far as this process knows of it. @default false
   */
  isRepeated?: boolean | undefined
}

/**
 * Accepts events for a session: all or none. When this resolves they are in the log for ever, also when no worker runs;
 * but for interrupts that have nothing to stop. Source: spec §8.1.
 * @throws ApiError 409 when the session was sent other events with the key
 */
export async function accept(
  runtime: Runtime,
  row: SessionRecord,
  input: EventSendParams,
  options: SendOptions = {},
): Promise<Accepted> {
  const { events } = parse(sendParams, input)
  const idempotencyKey = keyOf(options)
  if (idempotencyKey !== undefined) return acceptOnce(runtime, row, events, `${row.id}\0${idempotencyKey}`)
  const unsettled = UnsettledSends.of(runtime)
  const sent = options.isRepeated ? unsettled.take(row.id, events) : undefined
  const key = sent ?? newId('request')
  try {
    return sent ? await acceptOnce(runtime, row, events, key, true) : await acceptNew(runtime, row, events, key)
  } catch (error) {
    // Whatever ended a repetition, what it repeats may still come through.
    if (sent || isUnsettled(error)) unsettled.keep(row.id, events, key)
    throw error
  }
}

/**
 * Accepts what may have come before with the key.
 * @param isUntold what came before was sent without saying that it has a key
 */
async function acceptOnce(
  runtime: Runtime,
  row: SessionRecord,
  events: EventParams[],
  key: string,
  isUntold = false,
): Promise<Accepted> {
  const received = receivedEvents(events, key)
  const known = () => sentUnder(runtime.logs.get(row.id), key, received, isUntold)
  if (row.archivedAt) {
    const before = await known()
    if (before) return { events: before, recorded: true }
    throw hasEnded(row)
  }
  refuseUnsupported(row, events)
  try {
    if (!(await mayCome(runtime, row, events))) return { events: (await known()) ?? received, recorded: false }
  } catch (error) {
    // What its first try was allowed a repetition may find closed: answered, over the budget, a file expired.
    const before = await known()
    if (before) return { events: before, recorded: true }
    throw error
  }
  const delivered = await deliverOnce(runtime, row, received, key, isUntold)
  return { events: delivered, recorded: true }
}

/** Accepts what comes for the first time. */
async function acceptNew(runtime: Runtime, row: SessionRecord, events: EventParams[], key: string): Promise<Accepted> {
  if (row.archivedAt) throw hasEnded(row)
  refuseUnsupported(row, events)
  const received = receivedEvents(events, key)
  if (!(await mayCome(runtime, row, events))) return { events: received, recorded: false }
  const sentAt = monotonicMs()
  try {
    await new SessionWorkflow(runtime, row.id).deliver({ events: received }, keyedId(key, 0))
  } catch (error) {
    throw isNotFound(error) ? hasEnded(row) : error
  }
  // With a key it may be a repetition, which stops nothing: only the workflow knows.
  if (received.some(({ type }) => type === 'user.interrupt')) runtime.bus.interrupted(row.id, sentAt)
  return { events: received, recorded: true }
}

/**
 * Delivers what has a key, and returns what the session has under it: this, or the same of an earlier call.
 * @throws ApiError 409 when it has something else, and when it has ended
 */
async function deliverOnce(
  runtime: Runtime,
  row: SessionRecord,
  received: UserEvent[],
  key: string,
  isUntold: boolean,
): Promise<UserEvent[]> {
  const workflow = new SessionWorkflow(runtime, row.id)
  const log = () => runtime.logs.get(row.id)
  for (;;) {
    // A session knows each event by its own id: if it had fewer under the key it would take the rest. A run takes a
    // request once; so it has to be the run that was looked at, or a later one looked at again.
    const runId = isUntold || received.length > 1 ? await workflow.runId() : undefined
    const before = runId && (await sentUnder(log(), key, received, isUntold))
    if (before) return before
    try {
      // The ids are the key's own, so the first one names the request.
      await workflow.deliver({ events: received, keyed: true }, keyedId(key, 0), runId)
    } catch (error) {
      if (!isNotFound(error)) throw error
      const events = await sentUnder(log(), key, received, isUntold)
      if (events) return events
      if (runId && runId !== (await workflow.runId())) continue
      throw hasEnded(row)
    }
    // Temporal does not say whether it took it or had a request of this key before, whose events may be others.
    const events = (await appeared(log(), key)) && (await sentUnder(log(), key, received))
    if (!events) throw hasEnded(row)
    return events
  }
}

const hasEnded = (row: SessionRecord) =>
  conflict(`session ${row.id} ${row.archivedAt ? 'is archived' : 'has ended'} and takes no events`)

/**
 * Whether the session is to have these events at all.
 * @throws ApiError when it cannot have them as it stands
 */
async function mayCome(runtime: Runtime, row: SessionRecord, events: EventParams[]): Promise<boolean> {
  // What ends a step, or lets it go on, always gets through.
  if (events.some(({ type }) => type === 'user.message')) await new SessionWorkflow(runtime, row.id).checkRoom()
  if (row.budget && !(await hasWorkFor(runtime, row, events))) return false
  await checkPlaceOfNote(runtime, row, events)
  await checkEvents(runtime, row, events)
  return true
}

/**
 * Checks events for a session by themselves and by what they name, not by how the session stands at the moment: those that
 * are refused here no session ever takes.
 * @throws ApiError that names the entry
 */
export async function checkSendable(runtime: Runtime, row: SessionRecord, events: EventParams[]): Promise<void> {
  refuseUnsupported(row, events)
  await checkEvents(runtime, row, events)
}

async function checkEvents(runtime: Runtime, row: SessionRecord, events: EventParams[]): Promise<void> {
  await checkSystemMessages(runtime, row, events)
  await checkContent(runtime, events, 'events')
  await checkAnswers(runtime, row, events)
}

function refuseUnsupported(row: SessionRecord, events: EventParams[]): void {
  for (const [index, event] of events.entries()) {
    const where = `events.${index}`
    if (event.type === 'user.define_outcome') throw notSupported(`${where}: user.define_outcome`)
    if (event.type === 'user.tool_result') {
      throw invalidRequest(
        `${where}: user.tool_result is for self-hosted environments; here built-in tools run by themselves`,
      )
    }
    if (event.type === 'user.interrupt' && event.session_thread_id) {
      if (event.session_thread_id !== primaryThreadId(row.id)) throw notFound('thread', event.session_thread_id)
    }
  }
}

const worksAtCap = ['user.tool_confirmation', 'user.tool_result', 'user.custom_tool_result', 'user.interrupt']

/**
 * What a session takes whose budget is used up: answers. An interrupt has nothing to stop there, and is not recorded.
 * Source: spec §8.1.8.
 */
async function hasWorkFor(runtime: Runtime, row: SessionRecord, events: EventParams[]): Promise<boolean> {
  const state = await new SessionWorkflow(runtime, row.id).state()
  if (!state?.capped) return true
  const index = events.findIndex((event) => !worksAtCap.includes(event.type))
  if (index >= 0) {
    throw invalidRequest(
      `events.${index}: the session has reached its budget and takes only ${worksAtCap.join(', ')}: raise or remove the budget`,
    )
  }
  return state.stopReason?.type !== 'budget_reached' || events.some((event) => event.type !== 'user.interrupt')
}

/** While the session waits for answers a system message goes with one of them. Source: spec §8.1.6. */
async function checkPlaceOfNote(runtime: Runtime, row: SessionRecord, events: EventParams[]): Promise<void> {
  const index = events.findIndex((event) => event.type === 'system.message')
  if (index < 0 || events[index - 1]?.type !== 'user.message') return
  if ((await new SessionWorkflow(runtime, row.id).state())?.pending.length) {
    throw invalidRequest(
      `events.${index}: while the session waits for answers a system.message must follow one of them`,
    )
  }
}

async function checkSystemMessages(runtime: Runtime, row: SessionRecord, events: EventParams[]): Promise<void> {
  if (!events.some((event) => event.type === 'system.message')) return
  const model = (await runtime.records.sessions.configuration(row.id, row.revision))!.model.id
  checkSystemMessage(events, model, 'events')
}

/** Every answer must be for a tool use that waits for it, and for no other's. */
async function checkAnswers(runtime: Runtime, row: SessionRecord, events: EventParams[]): Promise<void> {
  const answers = events.flatMap((event, index): { index: number; id: string; type: PendingToolUse['awaits'] }[] => {
    if (event.type === 'user.tool_confirmation') return [{ index, id: event.tool_use_id, type: event.type }]
    if (event.type === 'user.custom_tool_result') return [{ index, id: event.custom_tool_use_id, type: event.type }]
    return []
  })
  if (answers.length === 0) return
  const open = new Map((await openToolUses(runtime, row)).map((pending) => [pending.id, pending.awaits]))
  for (const { index, id, type } of answers) {
    const awaits = open.get(id)
    if (!awaits) throw invalidRequest(`events.${index}: no tool use ${id} of this session waits for an answer`)
    if (awaits !== type) throw invalidRequest(`events.${index}: tool use ${id} waits for a ${awaits}, not a ${type}`)
    open.delete(id)
  }
}

/**
 * The tool uses that may be answered. An answer may come as soon as the tool use is visible, which is before the session
 * says that it waits: so the log decides, not the newest state.
 */
async function openToolUses(runtime: Runtime, row: SessionRecord): Promise<PendingToolUse[]> {
  const open = new Map<string, PendingToolUse>()
  const state = await new SessionWorkflow(runtime, row.id).state()
  for (const pending of state?.pending ?? []) open.set(pending.id, pending)
  const { tail } = runtime.logs.get(row.id)
  const release = tail.hold()
  try {
    const view = await tail.catchUp()
    // Those whose run rolled over before the session could say that it waits.
    for (const { id, kind, state } of view.started?.input.carried?.tools ?? []) {
      if (state === 'wait') open.set(id, { id, awaits: awaitedFor(kind) })
    }
    for (const { event } of view.items) {
      // A worker answers those that it serves.
      if (event.type === 'agent.custom_tool_use' && !row.served?.[event.name])
        open.set(event.id, { id: event.id, awaits: 'user.custom_tool_result' })
      if (event.type === 'agent.tool_use' || event.type === 'agent.mcp_tool_use') {
        if (event.evaluated_permission === 'ask') open.set(event.id, { id: event.id, awaits: 'user.tool_confirmation' })
      }
      // Received is enough: what waits in the inbox has been answered.
      if (event.type === 'user.custom_tool_result') open.delete(event.custom_tool_use_id)
      if (event.type === 'user.tool_confirmation') open.delete(event.tool_use_id)
      if (event.type === 'agent.tool_result') open.delete(event.tool_use_id)
      if (event.type === 'agent.mcp_tool_result') open.delete(event.mcp_tool_use_id)
    }
    for (const event of view.waiting) {
      if (event.type === 'user.custom_tool_result') open.delete(event.custom_tool_use_id)
      if (event.type === 'user.tool_confirmation') open.delete(event.tool_use_id)
    }
  } finally {
    release()
  }
  return [...open.values()]
}

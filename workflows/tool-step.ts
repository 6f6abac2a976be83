import { condition, isCancellation, patched } from '@temporalio/workflow'
import type { AnnouncedEvent, OpenToolUse } from '../protocol/contract.ts'
import type {
  UserCustomToolResultEvent,
  UserEvent,
  UserToolConfirmationEvent,
  UserToolResultEvent,
} from '../protocol/events.ts'
import { isWebTool } from '../protocol/web-tool-names.ts'
import { mayHaveBegun, runTool, serveTool } from './activities.ts'
import { judge } from './failures.ts'
import type { SessionState } from './session-state.ts'
import { resultOf } from './tool-result.ts'

/** How many workers one call may lose before its outcome is given to the model as unknown. */
const livesPerCall = 3

type Answer = UserToolConfirmationEvent | UserCustomToolResultEvent | UserToolResultEvent

/** Runs what may run of the step's tool uses, side by side, then sees what still needs an answer. */
export async function runTools(state: SessionState): Promise<void> {
  refuseDenied(state)
  const runnable = state.tools.filter((tool) => tool.state === 'run')
  if (runnable.length > 0) {
    await state.interruptible(() => Promise.all(runnable.map((tool) => untilDone(state, tool))))
  }
  // What an interrupt stopped is settled where the interrupt is.
  if (!state.inbox.hasInterrupt && !state.archiving) takeAnswers(state)
}

/** Takes the client's answers; goes on when none is missing, otherwise says which ones are. Source: spec §10.2, §10.4. */
export function takeAnswers(state: SessionState): void {
  const taken = state.inbox.take(isAnswerOrNote)
  const results = taken.filter(isAnswer).flatMap((answer) => settle(state, answer))
  const processed = taken.map((event) => event.id)
  const missing = state.pending.map((pending) => pending.id)
  if (missing.length > 0) {
    if (state.phase === 'tools') state.turn('settle')
    state.phase = 'blocked'
    state.announce({ processed, events: [...results, ...state.idle({ type: 'requires_action', event_ids: missing })] })
    return
  }
  if (state.phase === 'blocked') {
    state.turn('work')
    state.announce({ processed, events: [...state.running(), ...results] })
  } else if (processed.length > 0) {
    state.announce({ processed, events: results })
  }
  state.phase = state.tools.some((tool) => tool.state === 'run') ? 'tools' : 'model'
}

/** Applies one answer; the events are the result that a refusal makes. An answer that fits nothing changes nothing. */
function settle(state: SessionState, answer: Answer): AnnouncedEvent[] {
  const id = answer.type === 'user.custom_tool_result' ? answer.custom_tool_use_id : answer.tool_use_id
  const awaits = state.pending.find((pending) => pending.id === id)?.awaits
  const tool = state.tools.find((open) => open.id === id)
  if (!tool || awaits !== answer.type) return []
  if (answer.type === 'user.tool_confirmation' && answer.result === 'allow') {
    tool.state = 'run'
    return []
  }
  tool.state = 'done'
  if (answer.type !== 'user.tool_confirmation') return []
  const reason = answer.deny_message ? `: ${answer.deny_message}` : '.'
  return [resultOf(tool, `The user rejected this call${reason}`)]
}

/** Gives every tool use that is open its result: the answer that has come for it, otherwise the reason. */
export function closeTools(state: SessionState, received: UserEvent[], reason: string): AnnouncedEvent[] {
  const given = received.filter(isAnswer).flatMap((answer) => settle(state, answer))
  const open = state.tools.filter((tool) => tool.state !== 'done')
  state.tools = []
  return [...given, ...open.map((tool) => resultOf(tool, reason))]
}

function refuseDenied(state: SessionState): void {
  const denied = state.tools.filter((tool) => tool.state === 'run' && tool.permission === 'deny')
  if (denied.length === 0) return
  for (const tool of denied) tool.state = 'done'
  state.announce({
    events: denied.map((tool) => resultOf(tool, `There is no tool "${tool.name}", or it is disabled.`)),
  })
}

/** Runs one call until it has a result, however many workers that takes. An interrupt leaves it without one. */
async function untilDone(state: SessionState, tool: OpenToolUse): Promise<void> {
  let lost = 0
  let moves = false
  for (;;) {
    let scheduledOn: string | undefined
    try {
      if (moves) {
        while (othersSeekHost(state, tool)) await condition(() => !othersSeekHost(state, tool))
        if (usesContainer(tool) && state.host === undefined) state.hostSeeker = tool.id
      }
      scheduledOn = state.host
      tool.attempts++
      const { host, notices, is_error } = await (tool.served
        ? serveTool(state, tool, tool.served)
        : runTool(state, tool))
      state.host = host ?? state.host
      if (tool.kind === 'builtin' && isWebTool(tool.name) && !is_error) state.usedWeb(tool.name)
      tool.state = 'done'
      if (notices?.length) state.announce({ events: notices.map((error) => ({ type: 'session.error', error })) })
      return
    } catch (error) {
      if (isCancellation(error)) return
      if (tool.served) return closeServed(state, tool, error)
      const failure = judge(error)
      if (failure.kind === 'lost') lost++
      if (failure.kind === 'unstarted') {
        tool.unstarted = (tool.unstarted ?? 0) + 1
        moves = state.host === scheduledOn || patched('a host is left once')
        // A call beside it has left that host already.
        if (moves && state.host !== scheduledOn) continue
        // A worker of the version before left whatever host there was by then, and gave the call up when there was none.
        if (state.host !== undefined) {
          leaveHost(state)
          continue
        }
      }
      if (failure.kind === 'stopped' || (failure.kind === 'lost' && lost < livesPerCall)) {
        announceLoss(state, failure.message)
        continue
      }
      tool.state = 'done'
      const message = failure.kind === 'model' ? failure.failure.message : failure.message
      state.announce({
        events: [
          { type: 'session.error', error: { type: 'unknown_error', message, retry_status: { type: 'retrying' } } },
          resultOf(tool, explain(failure.kind, message, mayHaveBegun(tool))),
        ],
      })
      return
    } finally {
      if (state.hostSeeker === tool.id) state.hostSeeker = undefined
    }
  }
}

const usesContainer = ({ kind, name }: OpenToolUse) => kind !== 'mcp' && !isWebTool(name)

/** One call finds the session's next host, those beside it follow: each for itself, they could make a container on several. */
function othersSeekHost(state: SessionState, tool: OpenToolUse): boolean {
  return usesContainer(tool) && state.host === undefined && state.hostSeeker !== undefined
}

/** The host that had the session's container takes no work any more: the session goes on on another one. */
function leaveHost(state: SessionState): void {
  announceLoss(state, `the host of the session's container does not answer: the session goes on with a new container`)
  state.host = undefined
}

/** A served call that brought no result: nobody took it, or who did is gone. */
function closeServed(state: SessionState, tool: OpenToolUse, error: unknown): void {
  const failure = judge(error)
  const text =
    failure.kind === 'unstarted'
      ? `This call was not run: no worker that serves "${tool.name}" took it.`
      : explain(failure.kind, failure.kind === 'model' ? failure.failure.message : failure.message, mayHaveBegun(tool))
  tool.state = 'done'
  state.announce({ events: [resultOf(tool, text)] })
}

function explain(kind: ReturnType<typeof judge>['kind'], message: string, attempts: number): string {
  // An attempt before may have begun it.
  return kind === 'container' && attempts === 1
    ? `This call was not run: ${message}`
    : `It is unknown whether this call ran to its end (${message}). It was not repeated.`
}

/** Shows that a worker was lost under a call and that the work goes on; once for all calls that it took with it. */
function announceLoss(state: SessionState, message: string): void {
  if (state.lossAnnouncedAt === Date.now()) return
  state.lossAnnouncedAt = Date.now()
  state.turn('transientError')
  state.turn('retry')
  state.announce({
    events: [
      { type: 'session.error', error: { type: 'unknown_error', message, retry_status: { type: 'retrying' } } },
      ...state.rescheduled(),
      ...state.running(),
    ],
  })
}

export function isAnswer(event: UserEvent): event is Answer {
  return (
    event.type === 'user.tool_confirmation' ||
    event.type === 'user.custom_tool_result' ||
    event.type === 'user.tool_result'
  )
}

/** An answer, or the system message that goes with the answer before it. Source: spec §8.1.6. */
export function isAnswerOrNote(event: UserEvent, index: number, waiting: UserEvent[]): boolean {
  const before = waiting[index - 1]
  return isAnswer(event) || (event.type === 'system.message' && before !== undefined && isAnswer(before))
}

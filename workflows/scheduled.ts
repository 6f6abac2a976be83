import {
  CancellationScope,
  condition,
  defineSignal,
  isCancellation,
  scheduleActivity,
  setHandler,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow'
import { names, noticePatience, type SessionNotice } from '../protocol/contract.ts'
import {
  keyOfRun,
  type ScheduledResult,
  type ScheduledRun,
  type ScheduledStart,
  scheduleNames,
} from '../protocol/scheduled-run.ts'

const untilDone = {
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '200ms', maximumInterval: '1 minute' },
} as const

const notice = defineSignal<[SessionNotice]>(names.notice)

/**
 * One run of a schedule: makes a session, or sends to one. While it waits for the session it counts as running, which is
 * what the schedule's overlap policy goes by; cancelled, it interrupts the session.
 */
export async function scheduled({ definition }: ScheduledStart): Promise<ScheduledResult> {
  const { workflowId } = workflowInfo()
  const received = new Map<string, SessionNotice>()
  setHandler(notice, (told) => void received.set(told.watch, told))
  const key = keyOfRun(workflowId)
  const run: ScheduledRun = { action: definition.action, key }
  const sessionId = await scheduleActivity<string>(scheduleNames.run, [run], untilDone)
  if (!definition.wait_for_idle) return { sessionId }
  // A time may be run again, and the session has its word for the wait before.
  const watch = uuid4()
  try {
    for (let patience = noticePatience.first; ; patience = Math.min(noticePatience.longest, patience * 2)) {
      const ended = await scheduleActivity<SessionNotice | null>(scheduleNames.watch, [sessionId, watch], untilDone)
      if (ended) return { sessionId, status: ended.status }
      if (await condition(() => received.has(watch), patience))
        return { sessionId, status: received.get(watch)!.status }
    }
  } catch (error) {
    if (isCancellation(error)) {
      const interrupt = [sessionId, [{ type: 'user.interrupt' }], `${key}/interrupt`]
      await CancellationScope.nonCancellable(() => scheduleActivity(scheduleNames.send, interrupt, untilDone))
    }
    throw error
  }
}

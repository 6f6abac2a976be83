import { ScheduleAlreadyRunning, type ScheduleHandle, ScheduleNotFoundError, WorkflowClient } from '@temporalio/client'
import { conflict, invalidRequest, notFound } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { parse } from '../protocol/parse.ts'
import {
  checkDefinition,
  overlapPolicies,
  parseSchedule,
  type Schedule,
  type ScheduleDefinition,
  scheduleBackfillParams,
  scheduleId,
  scheduleUpdateParams,
} from '../protocol/schedules.ts'
import { checkSendable } from './accept.ts'
import type { SessionsApi } from './api.ts'
import type { Runtime } from './runtime.ts'
import { sealAction } from './schedule-secrets.ts'
import { definitionOf, viewOf } from './schedule-view.ts'
import type { SchedulesApi } from './schedules-api.ts'
import { sessionRecord } from './session-record.ts'
import { prepareSession } from './sessions.ts'
import { optionsOf, overlapOf, refusedSchedule, scheduleClient } from './temporal-schedule.ts'

/** Temporal's id of a schedule: those of others in the namespace are none of ours. */
const prefix = 'holdfast-'

/** Schedules over those of Temporal, which keeps all of them. */
export function createSchedulesApi(runtime: Runtime, { sessions }: { sessions: SessionsApi }): SchedulesApi {
  const { connection, namespace, codec, secrets } = runtime
  const client = scheduleClient(runtime)
  const workflows = new WorkflowClient({ connection, namespace, dataConverter: { payloadCodecs: [codec] } })
  const handleOf = (id: string) => client.getHandle(prefix + parse(scheduleId, id, 'id'))

  /** What it is to do can be done, as things are now: judged as `sessions.create` and `events.send` judge it. */
  async function check({ action }: Pick<ScheduleDefinition, 'action'>): Promise<void> {
    if (action.type === 'create_session') {
      await prepareSession(runtime, newId('session'), action.session, new Date().toISOString())
      return
    }
    const { session_id, events } = action
    const { status } = await sessions.retrieve(session_id)
    if (status === 'terminated') throw conflict(`session ${session_id} has ended and takes no events`)
    await checkSendable(runtime, await sessionRecord(runtime, session_id), events)
  }

  const api: SchedulesApi = {
    async create(input) {
      const { paused, note, remaining_runs, ...definition } = parseSchedule(input)
      await check(definition)
      const sealed = { ...definition, action: sealAction(definition.action, secrets) }
      try {
        await client.create({
          scheduleId: prefix + definition.id,
          ...optionsOf(sealed, runtime.taskQueue),
          state: {
            paused,
            ...(note !== null && { note }),
            ...(remaining_runs !== null && { remainingActions: remaining_runs }),
          },
        })
      } catch (error) {
        if (error instanceof ScheduleAlreadyRunning) throw conflict(`schedule ${definition.id} exists already`)
        throw refusedSchedule(error)
      }
      return api.retrieve(definition.id)
    },

    async retrieve(id) {
      return viewOf(await found(id, handleOf(id).describe()), runtime, workflows)
    },

    async update(id, input) {
      const params = parse(scheduleUpdateParams, input)
      const { note, remaining_runs, action, ...rest } = params
      if (action) await check({ action })
      const handle = handleOf(id)
      try {
        await found(
          id,
          handle.update((before) => {
            const definition: ScheduleDefinition = {
              ...definitionOf(before),
              ...rest,
              ...(action && { action: sealAction(action, secrets) }),
            }
            checkDefinition(definition)
            const { paused } = before.state
            const noted = note === undefined ? before.state.note : (note ?? undefined)
            const left = remaining_runs === undefined ? before.state.remainingActions : (remaining_runs ?? undefined)
            return {
              ...optionsOf(definition, runtime.taskQueue),
              state: {
                paused,
                ...(noted !== undefined && { note: noted }),
                ...(left !== undefined && { remainingActions: left }),
              },
            }
          }),
        )
      } catch (error) {
        throw refusedSchedule(error)
      }
      return api.retrieve(id)
    },

    async *list() {
      const ids: string[] = []
      for await (const { scheduleId } of client.list()) {
        if (scheduleId.startsWith(prefix)) ids.push(scheduleId.slice(prefix.length))
      }
      for (const id of ids.sort()) {
        const schedule = await describeIfThere(client.getHandle(prefix + id))
        if (schedule) yield viewOf(schedule, runtime, workflows)
      }
    },

    async pause(id, note) {
      await found(id, handleOf(id).pause(note))
      return api.retrieve(id)
    },

    async unpause(id, note) {
      await found(id, handleOf(id).unpause(note))
      return api.retrieve(id)
    },

    async trigger(id, { overlap } = {}) {
      if (overlap !== undefined && !overlapPolicies.includes(overlap))
        throw invalidRequest(`overlap: must be one of ${overlapPolicies.join(', ')}`)
      // Without a policy the SDK would not take the schedule's own.
      const { policies } = await found(id, handleOf(id).describe())
      await found(id, handleOf(id).trigger(overlap ? overlapOf[overlap] : policies.overlap))
    },

    async backfill(id, input) {
      const { start_at, end_at, overlap } = parse(scheduleBackfillParams, input)
      const handle = handleOf(id)
      // The server does not say when there is no such schedule.
      await found(id, handle.describe())
      // Its interval is open at its beginning.
      const start = new Date(Date.parse(start_at) - 1)
      await handle.backfill({ start, end: new Date(end_at), overlap: overlapOf[overlap ?? 'buffer_all'] })
    },

    async delete(id) {
      await found(id, handleOf(id).delete())
      return { id, type: 'schedule_deleted' }
    },
  }
  return api
}

async function found<T>(id: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw error instanceof ScheduleNotFoundError ? notFound('schedule', id) : error
  }
}

async function describeIfThere(handle: ScheduleHandle) {
  try {
    return await handle.describe()
  } catch (error) {
    // Deleted since it was listed.
    if (error instanceof ScheduleNotFoundError) return undefined
    throw error
  }
}

export type { Schedule }

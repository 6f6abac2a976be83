import type {
  OverlapPolicy,
  Schedule,
  ScheduleBackfillParams,
  ScheduleCreateParams,
  ScheduleUpdateParams,
} from '../protocol/schedules.ts'

/**
 * Sessions started, or sent to, by the clock: each a Temporal Schedule. A time that was run is not run again, neither by a
 * retry nor by a backfill.
 */
export interface SchedulesApi {
  /** @throws ApiError 409 when there is one of that id */
  create(params: ScheduleCreateParams): Promise<Schedule>
  retrieve(id: string): Promise<Schedule>
  /** What is left out stays. Runs that are under way are not touched. */
  update(id: string, params: ScheduleUpdateParams): Promise<Schedule>
  /** By their ids. A schedule that is new appears after a moment. */
  list(): AsyncIterable<Schedule>
  pause(id: string, note?: string): Promise<Schedule>
  unpause(id: string, note?: string): Promise<Schedule>
  /** Runs it now, paused or not. Twice within one second is once. */
  trigger(id: string, options?: { overlap?: OverlapPolicy }): Promise<void>
  /** Runs it for the times of the past between the two, both included. Those that were run are left out. */
  backfill(id: string, params: ScheduleBackfillParams): Promise<void>
  /** Runs that are under way go on. */
  delete(id: string): Promise<{ id: string; type: 'schedule_deleted' }>
}

import type { ScheduleDescription, ScheduleExecutionResult, WorkflowClient } from '@temporalio/client'
import { keyOfRun, type ScheduledStart } from '../protocol/scheduled-run.ts'
import type { Schedule, ScheduleDefinition, ScheduleRun } from '../protocol/schedules.ts'
import type { Runtime } from './runtime.ts'
import { failureOfRun } from './schedule-failure.ts'
import { stripAction } from './schedule-secrets.ts'

/** What the schedule was told, as it stands in its action; tokens are sealed. */
export function definitionOf({ action }: ScheduleDescription): ScheduleDefinition {
  const [start] = (action.args ?? []) as ScheduledStart[]
  if (!start?.definition) throw new Error(`the action of ${action.workflowId} was not made by Holdfast`)
  return start.definition
}

/** A schedule as the API shows it. */
export async function viewOf(
  description: ScheduleDescription,
  runtime: Pick<Runtime, 'records'>,
  workflows: WorkflowClient,
): Promise<Schedule> {
  const definition = definitionOf(description)
  const { state, info } = description
  const { createdAt, lastUpdatedAt = createdAt } = info
  return {
    ...definition,
    type: 'schedule',
    action: stripAction(definition.action),
    status: state.paused ? 'paused' : 'active',
    note: state.note || null,
    remaining_runs: state.remainingActions ?? null,
    recent_runs: await Promise.all(info.recentActions.map((result) => runOf(result, definition, runtime, workflows))),
    upcoming_runs_at: state.paused ? [] : info.nextActionTimes.map((time) => time.toISOString()),
    runs: info.numActionsTaken,
    skipped_overlap: info.numActionsSkippedOverlap,
    missed_catchup_window: info.numActionsMissedCatchupWindow,
    running: info.runningActions.length,
    created_at: createdAt.toISOString(),
    updated_at: lastUpdatedAt.toISOString(),
  }
}

async function runOf(
  { scheduledAt, takenAt, action }: ScheduleExecutionResult,
  definition: ScheduleDefinition,
  { records }: Pick<Runtime, 'records'>,
  workflows: WorkflowClient,
): Promise<ScheduleRun> {
  const { workflowId, firstExecutionRunId } = action.workflow
  const made =
    definition.action.type === 'send' ? undefined : await records.sessions.getByIdempotencyKey(keyOfRun(workflowId))
  return {
    scheduled_at: scheduledAt.toISOString(),
    started_at: takenAt.toISOString(),
    workflow_id: workflowId,
    session_id: definition.action.type === 'send' ? definition.action.session_id : (made?.id ?? null),
    error: made ? null : await failureOfRun(workflows, workflowId, firstExecutionRunId),
  }
}

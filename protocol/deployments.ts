/** Deployments: what sessions are made of, by the clock or on demand, and their runs. Source: spec §21. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { type Budget, budgetParams } from './budgets.ts'
import { CronInvalid, cronTimes, isCronTime, parseCron } from './cron.ts'
import { invalidRequest } from './errors.ts'
import { systemMessageParams, userDefineOutcomeParams, userMessageParams } from './events.ts'
import { newId } from './ids.ts'
import { limits } from './limits.ts'
import { metadataParams, metadataPatch, patchMetadata } from './metadata.ts'
import { createdAtFilter, createdWithin, pageParams } from './pagination.ts'
import { parse } from './parse.ts'
import { mapTokens } from './repository-tokens.ts'
import { agentReference, type ResourceParams, resourceParams, type SessionCreateParams } from './sessions.ts'
import { timezone } from './time-zone.ts'

export interface DeploymentAgent {
  type: 'agent'
  id: string
  version: number
}

export interface CronSchedule {
  type: 'cron'
  expression: string
  timezone: string
}

export interface DeploymentSchedule extends CronSchedule {
  /** When the newest run of the clock was taken down; those on demand do not count. */
  last_run_at: string | null
  /** At most five, before jitter; empty for an archived deployment. */
  upcoming_runs_at: string[]
}

/** Why no run by the clock makes a session any more. */
export const unrecoverable = [
  'environment_archived_error',
  'environment_not_found_error',
  'agent_archived_error',
  'vault_not_found_error',
  'vault_archived_error',
  'file_not_found_error',
  'memory_store_archived_error',
  'skill_not_found_error',
  'session_resource_not_found_error',
  'workspace_archived_error',
  'organization_disabled_error',
  'self_hosted_resources_unsupported_error',
  'mcp_egress_blocked_error',
  'unknown_error',
] as const
/** Of these the next run may make one. */
export const recoverable = ['session_rate_limited_error', 'session_creation_rejected_error'] as const

export type UnrecoverableError = (typeof unrecoverable)[number]
export type DeploymentRunErrorType = UnrecoverableError | (typeof recoverable)[number]

export type PausedReason = { type: 'manual' } | { type: 'error'; error: { type: UnrecoverableError } }

export type DeploymentInitialEvent = z.output<typeof initialEvent>

/** What a deployment is told and keeps. */
interface DeploymentFields {
  id: string
  type: 'deployment'
  name: string
  description: string | null
  agent: DeploymentAgent
  environment_id: string
  initial_events: DeploymentInitialEvent[]
  vault_ids: string[]
  metadata: Record<string, string>
  paused_reason: PausedReason | null
  budget: Budget | null
  created_at: string
  updated_at: string
  archived_at: string | null
}

export interface Deployment extends DeploymentFields {
  status: 'active' | 'paused'
  schedule: DeploymentSchedule | null
  /** As they were given, without tokens. */
  resources: ResourceParams[]
}

/** As it is kept. */
export interface StoredDeployment extends DeploymentFields {
  schedule: CronSchedule | null
  /** Their tokens are sealed. */
  resources: ResourceParams[]
  /** The newest of its clocks; it goes while the deployment is live, has a schedule and is not paused. */
  clock: string | null
}

export interface DeploymentRun {
  id: string
  type: 'deployment_run'
  deployment_id: string
  agent: DeploymentAgent
  /** `scheduled_at` is before jitter. */
  trigger_context: { type: 'schedule'; scheduled_at: string } | { type: 'manual' }
  /** Null when there is an error. */
  session_id: string | null
  error: { type: DeploymentRunErrorType; message: string } | null
  created_at: string
}

const cronSchedule = z.strictObject({
  type: z.literal('cron'),
  expression: z.string().max(200),
  timezone,
})
const initialEvent = z.discriminatedUnion('type', [userMessageParams, userDefineOutcomeParams, systemMessageParams])
const name = z.string().min(1).max(limits.deploymentName)
const description = z.string().max(limits.deploymentDescription).nullish()
const agent = z.union([z.string().min(1), agentReference])
const initialEvents = z.array(initialEvent).min(1).max(limits.initialEvents)
const resources = z.array(resourceParams).max(limits.deploymentResources).nullish()
const vaultIds = z.array(z.string()).max(limits.vaultsPerSession).nullish()

export const deploymentCreateParams = z.strictObject({
  name,
  description,
  agent,
  environment_id: z.string().min(1),
  initial_events: initialEvents,
  resources,
  vault_ids: vaultIds,
  metadata: metadataParams.nullish(),
  schedule: cronSchedule.nullish(),
  budget: budgetParams.nullish(),
})
export type DeploymentCreateParams = z.input<typeof deploymentCreateParams>

/** What is left out stays; lists, schedule and budget are replaced whole. */
export const deploymentUpdateParams = z.strictObject({
  name: name.optional(),
  description,
  agent: agent.optional(),
  environment_id: z.string().min(1).optional(),
  initial_events: initialEvents.optional(),
  resources,
  vault_ids: vaultIds,
  metadata: metadataPatch.nullish(),
  schedule: cronSchedule.nullish(),
  budget: budgetParams.nullish(),
})
export type DeploymentUpdateParams = z.input<typeof deploymentUpdateParams>

export const deploymentListParams = pageParams('deployments').extend({
  agent_id: z.string().optional(),
  status: z.enum(['active', 'paused']).optional(),
  include_archived: z.boolean().optional(),
  created_at: createdWithin.optional(),
})
export type DeploymentListParams = z.input<typeof deploymentListParams>

export const deploymentRunListParams = pageParams('deploymentRuns').extend({
  deployment_id: z.string().optional(),
  has_error: z.boolean().optional(),
  trigger_type: z.enum(['schedule', 'manual']).optional(),
  created_at: createdAtFilter.optional(),
})
export type DeploymentRunListParams = z.input<typeof deploymentRunListParams>

export type AgentChoice = z.output<typeof agent>

/**
 * A new deployment, whose tokens are not sealed yet.
 * @param pin finds the version of the agent
 */
export async function createDeployment(
  input: DeploymentCreateParams,
  now: string,
  pin: (choice: AgentChoice) => Promise<DeploymentAgent>,
): Promise<StoredDeployment> {
  const params = parse(deploymentCreateParams, input)
  if (params.schedule) checkSchedule(params.schedule, now)
  return {
    id: newId('deployment'),
    type: 'deployment',
    name: params.name,
    description: params.description || null,
    agent: await pin(params.agent),
    environment_id: params.environment_id,
    initial_events: params.initial_events,
    resources: params.resources ?? [],
    vault_ids: params.vault_ids ?? [],
    metadata: params.metadata ?? {},
    schedule: params.schedule ?? null,
    paused_reason: null,
    budget: params.budget ?? null,
    clock: null,
    created_at: now,
    updated_at: now,
    archived_at: null,
  }
}

/**
 * The deployment after an update, or itself when nothing changes; given resources have their tokens unsealed.
 * @throws ApiError 400 for an archived deployment
 */
export async function updateDeployment(
  deployment: StoredDeployment,
  input: DeploymentUpdateParams,
  now: string,
  pin: (choice: AgentChoice) => Promise<DeploymentAgent>,
): Promise<StoredDeployment> {
  const params = parse(deploymentUpdateParams, input)
  refuseArchived(deployment, 'changed')
  if (params.schedule) checkSchedule(params.schedule, now)
  const changed: StoredDeployment = {
    ...deployment,
    name: params.name ?? deployment.name,
    description: params.description === undefined ? deployment.description : params.description || null,
    agent: params.agent === undefined ? deployment.agent : await pin(params.agent),
    environment_id: params.environment_id ?? deployment.environment_id,
    initial_events: params.initial_events ?? deployment.initial_events,
    resources: params.resources === undefined ? deployment.resources : (params.resources ?? []),
    vault_ids: params.vault_ids === undefined ? deployment.vault_ids : (params.vault_ids ?? []),
    metadata: params.metadata ? patchMetadata(deployment.metadata, params.metadata) : deployment.metadata,
    schedule: params.schedule === undefined ? deployment.schedule : params.schedule,
    budget: params.budget === undefined ? deployment.budget : params.budget,
  }
  return isDeepStrictEqual(changed, deployment) ? deployment : { ...changed, updated_at: now }
}

/** @throws ApiError 400 */
export function refuseArchived({ id, archived_at }: StoredDeployment, operation: string): void {
  if (archived_at) throw invalidRequest(`deployment ${id} is archived and cannot be ${operation}`)
}

/** Archived for good, without the tokens that nobody needs any more. */
export const archivedDeployment = (deployment: StoredDeployment, now: string): StoredDeployment =>
  deployment.archived_at
    ? deployment
    : {
        ...deployment,
        resources: mapTokens(deployment.resources, () => undefined),
        paused_reason: null,
        archived_at: now,
        updated_at: now,
      }

/** Paused; one that is paused already keeps its reason. */
export const pausedDeployment = (deployment: StoredDeployment, reason: PausedReason, now: string): StoredDeployment =>
  deployment.paused_reason || deployment.archived_at
    ? deployment
    : { ...deployment, paused_reason: reason, updated_at: now }

/** Whether it makes runs by the clock. */
export const isTicking = ({ schedule, paused_reason, archived_at }: StoredDeployment): boolean =>
  schedule !== null && paused_reason === null && archived_at === null

/** What its sessions are made of. They have its name as their title. */
export const sessionOf = (deployment: StoredDeployment): SessionCreateParams => ({
  agent: deployment.agent,
  environment_id: deployment.environment_id,
  title: deployment.name,
  resources: deployment.resources,
  vault_ids: deployment.vault_ids,
  initial_events: deployment.initial_events,
  budget: deployment.budget,
})

/** As the API shows it. */
export function deploymentView(
  { clock: _clock, schedule, ...deployment }: StoredDeployment,
  lastRunAt: string | null,
  now: number,
): Deployment {
  return {
    ...deployment,
    status: deployment.paused_reason ? 'paused' : 'active',
    schedule: schedule && {
      ...schedule,
      last_run_at: lastRunAt,
      upcoming_runs_at: deployment.archived_at
        ? []
        : nextTimes(schedule, now, 5).map((time) => new Date(time).toISOString()),
    },
    resources: mapTokens(deployment.resources, () => undefined).map(asShown),
  }
}

/** `prompt` is the older name of `instructions`. Source: the chapter, spec §0.4. */
function asShown(resource: ResourceParams): ResourceParams {
  if (resource.type !== 'memory_store') return resource
  const { prompt, instructions, ...rest } = resource
  const text = instructions ?? prompt
  return text == null ? rest : { ...rest, instructions: text }
}

export function nextTimes({ expression, timezone }: CronSchedule, after: number, count: number): number[] {
  const times: number[] = []
  for (const time of cronTimes(parseCron(expression), timezone, after)) {
    times.push(time)
    if (times.length === count) break
  }
  return times
}

/** Whether it is a time of the schedule. */
export const isTimeOf = ({ expression, timezone }: CronSchedule, time: string): boolean =>
  isCronTime(parseCron(expression), timezone, Date.parse(time))

function checkSchedule(schedule: CronSchedule, now: string): void {
  try {
    if (nextTimes(schedule, Date.parse(now), 1).length === 0) throw new CronInvalid('there is no such day')
  } catch (error) {
    if (!(error instanceof CronInvalid)) throw error
    throw invalidRequest(`schedule.expression: ${error.message}`, { cause: error })
  }
}

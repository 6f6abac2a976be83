import { createHash } from 'node:crypto'
import type { DeploymentTime } from '../protocol/deployment-clock.ts'
import {
  archivedDeployment,
  type DeploymentRun,
  type DeploymentRunErrorType,
  deploymentRunListParams,
  isTicking,
  isTimeOf,
  type PausedReason,
  refuseArchived,
  type StoredDeployment,
  sessionOf,
  type UnrecoverableError,
  unrecoverable,
} from '../protocol/deployments.ts'
import { ApiError, invalidRequest, notFound } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { limits } from '../protocol/limits.ts'
import { parse } from '../protocol/parse.ts'
import { mapTokens } from '../protocol/repository-tokens.ts'
import type { DeploymentRunRecord } from '../store/deployment-records.ts'
import { SecretUnreadable } from '../store/secrets.ts'
import type { DeploymentClocks } from './deployment-clocks.ts'
import type { DeploymentRunsApi } from './deployments-api.ts'
import { pageAt, pageOf } from './pages.ts'
import type { Runtime } from './runtime.ts'
import { createSessionsApi, type OwnSessionsApi } from './sessions.ts'

export function createDeploymentRunsApi({ records: { deploymentRuns } }: Runtime): DeploymentRunsApi {
  return {
    async retrieve(id) {
      const run = await deploymentRuns.get(id)
      if (!run) throw notFound('deployment run', id)
      return run
    },

    async list(input = {}) {
      const params = parse(deploymentRunListParams, input)
      const { rows, more } = await deploymentRuns.list({
        limit: params.limit,
        ...pageAt('deployment_runs', params.page),
        createdAt: params.created_at,
        ...(params.deployment_id !== undefined && { deploymentId: params.deployment_id }),
        ...(params.has_error !== undefined && { hasError: params.has_error }),
        ...(params.trigger_type !== undefined && { trigger: params.trigger_type }),
      })
      return pageOf('deployment_runs', rows, more)
    },
  }
}

/** How long a clock may have been started before its deployment names it. */
const graceMs = 60_000

/**
 * Makes the runs of deployments. A run has a key, which is also that of its session: whoever repeats a try that was killed
 * finds what it has made, and goes on from there.
 */
export class DeploymentRunner {
  readonly #runtime: Runtime
  readonly #clocks: DeploymentClocks
  readonly #sessions: OwnSessionsApi

  constructor(runtime: Runtime, clocks: DeploymentClocks, sessions = createSessionsApi(runtime)) {
    this.#runtime = runtime
    this.#clocks = clocks
    this.#sessions = sessions
  }

  /**
   * A run on demand.
   * @throws ApiError 404, 400 for an archived deployment, 503 when nothing was made
   */
  async onDemand(deploymentId: string, idempotencyKey: string | undefined): Promise<DeploymentRun> {
    const { deployments } = this.#runtime.records
    const name = idempotencyKey === undefined ? crypto.randomUUID() : digest(idempotencyKey)
    const key = `deployment/${deploymentId}/manual/${name}`
    const known = await this.#known(key)
    if (known) return known
    const found = await deployments.get(deploymentId)
    if (!found) throw notFound('deployment', deploymentId)
    refuseArchived(found.deployment, 'run')
    const willBeRepeated = idempotencyKey !== undefined
    const run = await this.#make(found.deployment, { type: 'manual' }, key, willBeRepeated)
    if (run) return run
    throw invalidRequest(`deployment ${deploymentId} was archived together with its agent and cannot be run`)
  }

  /**
   * A run by the clock, unless the deployment has another one by now.
   * @param waitedMs how long ago the first try was
   * @throws Error while it may be that the clock was started a moment ago
   */
  async byTheClock({ deploymentId, clock, scheduledAt }: DeploymentTime, waitedMs: number): Promise<void> {
    const key = `deployment/${deploymentId}/${scheduledAt}`
    if (await this.#known(key)) return
    const found = await this.#runtime.records.deployments.get(deploymentId)
    if (found?.deployment.clock !== clock || !isTicking(found.deployment)) {
      if (waitedMs < graceMs) throw new Error(`deployment ${deploymentId} has not the clock ${clock}, perhaps not yet`)
      await this.#clocks.stop(deploymentId, clock)
      return
    }
    const { deployment } = found
    // When clocks are set back Temporal may take a time for one an hour later, too.
    if (!isTimeOf(deployment.schedule!, scheduledAt)) return
    const run = await this.#make(deployment, { type: 'schedule', scheduled_at: inFull(scheduledAt) }, key, true)
    if (!run || reasonToPause(run)) await this.#clocks.stop(deploymentId, clock)
  }

  /** Takes down of a time by the clock that nobody could make anything of it, whatever was tried. */
  async givenUp({ deploymentId, clock, scheduledAt }: DeploymentTime): Promise<void> {
    const found = await this.#runtime.records.deployments.get(deploymentId)
    if (found?.deployment.clock !== clock) return
    const run = newRun(found.deployment, { type: 'schedule', scheduled_at: inFull(scheduledAt) })
    await this.#failed(run, `deployment/${deploymentId}/${scheduledAt}`, {
      type: 'unknown_error',
      message: "the run failed inside of Holdfast: the worker's log says why",
    })
    await this.#clocks.stop(deploymentId, clock)
  }

  /** Starts the sessions of runs whose makers were killed before they could. */
  async finish(now = Date.now()): Promise<void> {
    const { deploymentRuns } = this.#runtime.records
    const before = new Date(now - graceMs).toISOString()
    for (let after: string | undefined; ; ) {
      const runs = await deploymentRuns.pendingBefore(before, { limit: 100, ...(after && { after }) })
      for (const run of runs) await this.#begin(run)
      after = runs.at(-1)?.key
      if (runs.length < 100) return
    }
  }

  /** The run of a key, if there is one, with its session under way. */
  async #known(key: string): Promise<DeploymentRun | undefined> {
    const known = await this.#runtime.records.deploymentRuns.getByKey(key)
    if (known?.pending) await this.#begin(known)
    return known?.run
  }

  async #begin({ run, key, pending }: DeploymentRunRecord): Promise<void> {
    const { deploymentRuns, sessions } = this.#runtime.records
    const row = await sessions.get(run.session_id!)
    if (row && !row.deletedAt) await this.#sessions.begin(row, pending!)
    await deploymentRuns.begun(key)
  }

  /** Undefined when the deployment went with its agent. */
  async #make(
    deployment: StoredDeployment,
    trigger: DeploymentRun['trigger_context'],
    key: string,
    willBeRepeated: boolean,
  ): Promise<DeploymentRun | undefined> {
    const { records, secrets } = this.#runtime
    const run = newRun(deployment, trigger)
    try {
      const params = sessionOf({
        ...deployment,
        resources: mapTokens(deployment.resources, (token) => secrets.open(token)),
      })
      await this.#sessions.createFor(params, {
        run,
        key,
        initialEvents: deployment.initial_events,
        willBeRepeated,
      })
    } catch (error) {
      const refusal = refusalOf(error)
      if (!refusal) {
        if (!willBeRepeated) await records.deploymentRuns.delete(key)
        throw error
      }
      if (refusal.type === 'agent_archived_error') {
        await this.#archive(deployment.id)
        return undefined
      }
      return this.#failed(run, key, refusal)
    }
    // What cannot be marked is looked at once more by the housekeeping.
    await records.deploymentRuns.begun(key).catch(() => {})
    return (await records.deploymentRuns.getByKey(key))!.run
  }

  #failed(run: DeploymentRun, key: string, error: NonNullable<DeploymentRun['error']>): Promise<DeploymentRun> {
    const failed = { ...run, error }
    return this.#runtime.records.deploymentRuns.fail({ run: failed, key, pending: null }, reasonToPause(failed))
  }

  /** Its agent was archived while the deployment was made: otherwise they went together. */
  async #archive(id: string): Promise<void> {
    const { deployments } = this.#runtime.records
    for (;;) {
      const { deployment } = (await deployments.get(id))!
      const archived = archivedDeployment(deployment, new Date().toISOString())
      const done = await deployments.update(archived, deployment, limits.scheduledDeployments)
      if (done === 'stored') return
    }
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest('hex')

/** As the API writes times. */
const inFull = (time: string) => new Date(time).toISOString()

const newRun = (deployment: StoredDeployment, trigger: DeploymentRun['trigger_context']): DeploymentRun => ({
  id: newId('deploymentRun'),
  type: 'deployment_run',
  deployment_id: deployment.id,
  agent: deployment.agent,
  trigger_context: trigger,
  session_id: null,
  error: null,
  created_at: new Date().toISOString(),
})

/** Why the deployment of a run pauses, if it does: the clock alone goes on by itself. Source: spec §21.3. */
function reasonToPause({ trigger_context, error }: DeploymentRun): PausedReason | undefined {
  if (trigger_context.type === 'manual' || !error) return undefined
  if (!(unrecoverable as readonly string[]).includes(error.type)) return undefined
  return { type: 'error', error: { type: error.type as UnrecoverableError } }
}

/** What the codes of refusals are called in runs. Source: spec §21.3. */
const typeOfCode: Record<string, DeploymentRunErrorType> = {
  agent_archived: 'agent_archived_error',
  environment_archived: 'environment_archived_error',
  environment_not_found: 'environment_not_found_error',
  vault_archived: 'vault_archived_error',
  vault_not_found: 'vault_not_found_error',
  file_not_found: 'file_not_found_error',
  file_expired: 'file_not_found_error',
  memory_store_archived: 'memory_store_archived_error',
  memory_store_not_found: 'session_resource_not_found_error',
  skill_not_found: 'skill_not_found_error',
}

/** What a run says of an error; undefined for one that may be gone when it is tried again. */
function refusalOf(error: unknown): DeploymentRun['error'] | undefined {
  if (error instanceof SecretUnreadable) return { type: 'unknown_error', message: error.message }
  if (!(error instanceof ApiError) || error.status >= 500) return undefined
  const { message, code, status } = error
  if (status === 429) return { type: 'session_rate_limited_error', message }
  return { type: (code && typeOfCode[code]) || 'session_creation_rejected_error', message }
}

import { isDeepStrictEqual } from 'node:util'
import {
  type AgentChoice,
  archivedDeployment,
  createDeployment,
  type Deployment,
  type DeploymentAgent,
  deploymentListParams,
  deploymentView,
  isTicking,
  pausedDeployment,
  refuseArchived,
  type StoredDeployment,
  sessionOf,
  updateDeployment,
} from '../protocol/deployments.ts'
import { conflict, invalidRequest, notFound } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { limits } from '../protocol/limits.ts'
import { parse } from '../protocol/parse.ts'
import { mapTokens } from '../protocol/repository-tokens.ts'
import { sessionCreateParams } from '../protocol/sessions.ts'
import type { DeploymentRecord } from '../store/deployment-records.ts'
import { mayBeDone } from '../store/records-unavailable.ts'
import type { DeploymentClocks } from './deployment-clocks.ts'
import type { DeploymentRunner } from './deployment-runs.ts'
import type { DeploymentsApi } from './deployments-api.ts'
import { keyOf } from './idempotency-key.ts'
import { pageAt, pageOf } from './pages.ts'
import type { Runtime } from './runtime.ts'
import { prepareSession } from './sessions.ts'

const mostScheduled = limits.scheduledDeployments

/** Deployments are rows; what is Temporal's is only the clock of each. */
export function createDeploymentsApi(
  runtime: Runtime,
  { clocks, runner }: { clocks: DeploymentClocks; runner: DeploymentRunner },
): DeploymentsApi {
  const { records, secrets } = runtime

  async function find(id: string): Promise<DeploymentRecord> {
    const found = await records.deployments.get(id)
    if (!found) throw notFound('deployment', id)
    return found
  }

  /** The agent in the version that is asked for, or the newest of now. */
  async function pin(choice: AgentChoice): Promise<DeploymentAgent> {
    const { id, version } = typeof choice === 'string' ? { id: choice, version: undefined } : choice
    const agent = await records.agents.get(id, version ?? undefined)
    if (!agent) throw notFound('agent', version ? `${id} version ${version}` : id)
    return { type: 'agent', id, version: agent.version }
  }

  /** A session could be made, as things are now: judged as `sessions.create` judges it. */
  async function check(deployment: StoredDeployment): Promise<void> {
    // A sealed token may be longer than tokens may be.
    const resources = mapTokens(deployment.resources, () => undefined)
    const params = parse(sessionCreateParams, sessionOf({ ...deployment, resources }))
    await prepareSession(runtime, newId('session'), params, new Date().toISOString(), { withNote: true })
  }

  const sealed = (deployment: StoredDeployment): StoredDeployment => ({
    ...deployment,
    resources: mapTokens(deployment.resources, (token) => secrets.seal(token)),
  })

  /**
   * Stores what `next` makes of a deployment, with a clock of its own when another one is due; what somebody else changed in
   * between is the new base.
   */
  async function change(
    id: string,
    next: (deployment: StoredDeployment, now: string) => StoredDeployment | Promise<StoredDeployment>,
  ): Promise<Deployment> {
    for (let tries = 0; tries < 20; tries++) {
      const { deployment, lastRunAt } = await find(id)
      const now = new Date()
      const changed = await next(deployment, now.toISOString())
      if (changed === deployment) return deploymentView(deployment, lastRunAt, now.getTime())
      const ticked = isTicking(deployment)
      const goesOn = ticked && isDeepStrictEqual(changed.schedule, deployment.schedule)
      const restarts = isTicking(changed) && !goesOn
      const stored = restarts ? { ...changed, clock: await clocks.start(id, changed.schedule!) } : changed
      const done = await records.deployments.update(stored, deployment, mostScheduled).catch(async (error) => {
        // Otherwise nobody knows which of the two clocks the row names: the other one is stopped when it fires.
        if (restarts && !mayBeDone(error)) await clocks.stop(id, stored.clock)
        throw error
      })
      if (done !== 'stored' && restarts) await clocks.stop(id, stored.clock)
      if (done === 'stored' && ticked && (restarts || !isTicking(stored))) await clocks.stop(id, deployment.clock)
      if (done === 'stored') return deploymentView(stored, lastRunAt, now.getTime())
      if (done === 'full') throw tooMany()
    }
    throw conflict(`deployment ${id} is being changed by others: try again`, { shouldRetry: true })
  }

  return {
    async create(input) {
      const now = new Date()
      const plain = await createDeployment(input, now.toISOString(), pin)
      await check(plain)
      const { schedule } = plain
      const clock = schedule && (await clocks.start(plain.id, schedule))
      const deployment = { ...sealed(plain), clock }
      const stored = await records.deployments.insert(deployment, mostScheduled).catch(async (error) => {
        if (!mayBeDone(error)) await clocks.stop(plain.id, clock)
        // Whoever repeats the request would have two that run.
        else if (await records.deployments.get(plain.id)) return true
        throw error
      })
      if (!stored) {
        await clocks.stop(plain.id, clock)
        throw tooMany()
      }
      return deploymentView(deployment, null, now.getTime())
    },

    async retrieve(id) {
      const { deployment, lastRunAt } = await find(id)
      return deploymentView(deployment, lastRunAt, Date.now())
    },

    update: (id, input) =>
      change(id, async (deployment, now) => {
        const changed = await updateDeployment(deployment, input, now, pin)
        if (sessionChanges(input)) await check(changed)
        return input.resources && changed !== deployment ? sealed(changed) : changed
      }),

    async list(input = {}) {
      const params = parse(deploymentListParams, input)
      if (params.status && params.include_archived) {
        throw invalidRequest('status: not together with include_archived')
      }
      const { rows, more } = await records.deployments.list({
        limit: params.limit,
        ...pageAt('deployments', params.page),
        createdAt: params.created_at,
        includeArchived: params.include_archived ?? false,
        ...(params.agent_id !== undefined && { agentId: params.agent_id }),
        ...(params.status && { status: params.status }),
      })
      const now = Date.now()
      const shown = rows.map(({ deployment, lastRunAt }) => deploymentView(deployment, lastRunAt, now))
      return pageOf('deployments', shown, more)
    },

    archive: (id) => change(id, archivedDeployment),

    pause: (id) =>
      change(id, (deployment, now) => {
        refuseArchived(deployment, 'paused')
        return pausedDeployment(deployment, { type: 'manual' }, now)
      }),

    unpause: (id) =>
      change(id, (deployment, now) => {
        refuseArchived(deployment, 'unpaused')
        return deployment.paused_reason ? { ...deployment, paused_reason: null, updated_at: now } : deployment
      }),

    run: (id, options = {}) => runner.onDemand(id, keyOf(options)),
  }
}

const tooMany = () => invalidRequest(`schedule: at most ${mostScheduled} deployments may have one`)

/** Whether an update gives anything of which sessions are made. */
function sessionChanges(input: object): boolean {
  const fields = ['agent', 'environment_id', 'initial_events', 'resources', 'vault_ids', 'budget']
  return fields.some((field) => (input as Record<string, unknown>)[field] != null)
}

import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { deletedReason } from '../log/projection.ts'
import { applyOverrides, sessionAgent } from '../protocol/agents.ts'
import type { EraseStart, ServedTool, SessionMemo } from '../protocol/contract.ts'
import type { DeploymentInitialEvent, DeploymentRun } from '../protocol/deployments.ts'
import { conflict, environmentNotFound, invalidRequest, notFound, notSupported } from '../protocol/errors.ts'
import type { EventParams } from '../protocol/events.ts'
import { newId } from '../protocol/ids.ts'
import { type BidirectionalPage, decodePage, encodePage } from '../protocol/pagination.ts'
import { parse } from '../protocol/parse.ts'
import {
  type Session,
  type SessionAgent,
  type SessionCreateParams,
  type SessionListParams,
  sessionCreateParams,
  sessionListParams,
  sessionUpdateParams,
} from '../protocol/sessions.ts'
import { refuseSearch } from '../protocol/unsupported.ts'
import { FileGone, type SessionRecord, SkillGone } from '../store/records.ts'
import { mayBeDone } from '../store/records-unavailable.ts'
import type { SessionsApi } from './api.ts'
import { keepEnded } from './ended-session.ts'
import { keyOf } from './idempotency-key.ts'
import { checkContent, receivedEvents } from './received-events.ts'
import { createResourcesApi } from './resources.ts'
import type { Runtime } from './runtime.ts'
import { checkBudgetable, sessionChange } from './session-change.ts'
import { createSessionEventsApi } from './session-events.ts'
import { sessionRecord } from './session-record.ts'
import { fileNotFound, type PreparedResources, prepareResources } from './session-resources.ts'
import { createSessionThreadsApi } from './session-threads.ts'
import { sessionView, statusOf, threadView } from './session-view.ts'
import { SessionWorkflow, startErase, statesOf } from './session-workflow.ts'
import { checkSkills, withSkillVersions } from './skill-references.ts'
import { checkSystemMessage } from './system-message.ts'

type CreateParams = z.output<typeof sessionCreateParams>

interface CreateOptions {
  idempotencyKey: string | undefined
  tools?: { served: Record<string, ServedTool> }
  made?: RunToMake
}

/** A deployment's run that a session is made for. */
export interface RunToMake {
  /** Without its session, which is made under the key. */
  run: DeploymentRun
  key: string
  initialEvents: DeploymentInitialEvent[]
  /** Somebody comes again when the session could be stored, and not started. */
  willBeRepeated: boolean
}

/** As deployments use it, too. */
export interface OwnSessionsApi extends SessionsApi {
  /** A session for a run; both are stored together. Repeated, it is the session that the first call made. */
  createFor(params: SessionCreateParams, made: RunToMake): Promise<Session>
  /** Starts the workflow of a session, unless it was started before. */
  begin(row: SessionRecord, initialEvents: EventParams[] | null | undefined): Promise<void>
}

export function createSessionsApi(runtime: Runtime): OwnSessionsApi {
  const { records } = runtime

  const record = (sessionId: string) => sessionRecord(runtime, sessionId)
  const events = createSessionEventsApi(runtime, record)

  async function configuration(row: SessionRecord): Promise<SessionAgent> {
    return (await records.sessions.configuration(row.id, row.revision))!
  }

  /** The newest state; for a session that Temporal has forgotten, the last one that its log has. */
  async function stateOf(row: SessionRecord): Promise<SessionMemo | undefined> {
    const state = await new SessionWorkflow(runtime, row.id).state()
    if (state?.status === 'terminated' && !row.archivedAt) await keepEnded(runtime, row.id, state)
    if (state) return state
    const last = await runtime.logs.get(row.id).lastSegment()
    return last?.final && { ...last.final, status: 'terminated' }
  }

  async function shown<T>(
    row: SessionRecord,
    as: (row: SessionRecord, agent: SessionAgent, state: SessionMemo | undefined) => T,
  ): Promise<T> {
    const [agent, state] = await Promise.all([configuration(row), stateOf(row)])
    return as(row, agent, state)
  }

  const view = (row: SessionRecord) => shown(row, sessionView)

  /** @throws ApiError 400 unless the session is idle or terminated */
  async function refuseWhileActive(row: SessionRecord, operation: string): Promise<SessionMemo | undefined> {
    const state = await stateOf(row)
    if (!row.archivedAt && (state?.status === 'running' || state?.status === 'rescheduling')) {
      throw invalidRequest(
        `session ${row.id} is ${state.status} and cannot be ${operation}: send a user.interrupt event and wait until it is idle`,
      )
    }
    return state
  }

  const api: OwnSessionsApi = {
    create: (input, options = {}) => create(input, { ...options, idempotencyKey: keyOf(options) }),

    createFor: (input, made) => create(input, { idempotencyKey: made.key, made }),

    begin: beginOnce,

    async retrieve(sessionId) {
      return view(await record(sessionId))
    },

    async update(sessionId, input) {
      const params = parse(sessionUpdateParams, input)
      if (params.vault_ids !== undefined) throw notSupported("changing a session's vault_ids")
      const row = await record(sessionId)
      if (row.archivedAt) throw invalidRequest(`session ${sessionId} is archived and cannot be changed`)
      const change = await sessionChange(params, { row, agent: await configuration(row), state: () => stateOf(row) })
      if (!change) return view(row)
      const { fields, agent, budget, event } = change
      await new SessionWorkflow(runtime, sessionId).checkRoom()
      if (agent && !runtime.webSearch) refuseSearch(agent)
      let outrun = false
      const updated = await records.sessions
        .update(
          sessionId,
          (newest) => {
            outrun = !isDeepStrictEqual(newest, row)
            if (outrun) throw new Error(`session ${sessionId} was changed meanwhile`)
            return { ...fields, ...(budget !== undefined && { budget }), updatedAt: new Date().toISOString() }
          },
          agent,
        )
        .catch((error) => {
          if (!outrun) throw error
        })
      // What it would change has changed: it is judged again, by the newest state.
      if (outrun) return api.update(sessionId, input)
      await new SessionWorkflow(runtime, sessionId).command(
        budget !== undefined && Object.keys(event).length === 0
          ? // As workers of the version before know it, too.
            { type: 'budget', budget }
          : {
              type: 'updated',
              changes: event,
              ...(agent && { revision: updated!.revision }),
              ...(budget !== undefined && { budget }),
            },
      )
      return view(updated!)
    },

    async archive(sessionId) {
      const row = await record(sessionId)
      const state = await refuseWhileActive(row, 'archived')
      // From here on nothing is accepted any more, also before the workflow has taken it down.
      const archivedAt = new Date().toISOString()
      const archived = row.archivedAt ? row : await records.sessions.update(sessionId, { archivedAt })
      // Also when it was archived before: who did may have been killed before the workflow was told.
      if (state?.status !== 'terminated') await new SessionWorkflow(runtime, sessionId).command({ type: 'archive' })
      return view(archived ?? row)
    },

    async delete(sessionId) {
      const row = await record(sessionId)
      const state = await refuseWhileActive(row, 'deleted')
      // First of all, for a row that is marked and not erased could not be deleted again.
      await startErase(runtime, {
        sessionId,
        ...(state?.host && { host: state.host }),
        ...(runtime.settings.webhooks && { webhooks: true }),
      } satisfies EraseStart)
      await records.sessions.update(sessionId, { deletedAt: new Date().toISOString() })
      // Ends the streams of the session; the rest is erased in the background, durably.
      await new SessionWorkflow(runtime, sessionId).terminate(deletedReason)
      return { id: sessionId, type: 'session_deleted' }
    },

    list: (input) => listSessions(runtime, input, configuration, stateOf),

    events,

    resources: createResourcesApi(runtime, record),

    threads: createSessionThreadsApi(async (sessionId) => shown(await record(sessionId), threadView), events),
  }
  return api

  async function create(input: SessionCreateParams, options: CreateOptions): Promise<Session> {
    const params = parse(sessionCreateParams, input)
    const { tools, idempotencyKey, made } = options
    const repeated = idempotencyKey && (await records.sessions.getByIdempotencyKey(idempotencyKey))
    if (repeated && made && repeated.deploymentId !== made.run.deployment_id) {
      throw conflict(`session ${repeated.id} was created with the key of this run`)
    }
    if (repeated) return resume(repeated, params.initial_events)
    const now = new Date().toISOString()
    const id = newId('session')
    const { agent, resources, copies, secrets } = await prepareSession(runtime, id, params, now, {
      withNote: made !== undefined,
    })
    const row: SessionRecord = {
      id,
      environmentId: params.environment_id,
      title: params.title ?? null,
      metadata: params.metadata ?? {},
      vaultIds: params.vault_ids ?? [],
      budget: params.budget ?? null,
      resources,
      revision: 1,
      agentId: agent.id,
      agentVersion: agent.version,
      createdAt: now,
      updatedAt: now,
      archivedAt: null,
      ...(tools && { served: tools.served }),
      idempotencyKey: idempotencyKey ?? null,
      ...(made && { deploymentId: made.run.deployment_id }),
      deletedAt: null,
    }
    const run = made && {
      run: { ...made.run, session_id: id },
      key: made.key,
      pending: made.initialEvents,
    }
    /** Where nobody can try again what is left of it is erased when Temporal is back (`finishDeletions`). */
    const giveUp = async () => {
      if (made ? !made.willBeRepeated : !idempotencyKey)
        await records.sessions.update(id, { deletedAt: new Date().toISOString() })
    }
    const isNew = await records.sessions.insert(row, agent, secrets, run, copies).catch(async (error) => {
      if (mayBeDone(error)) await giveUp().catch(() => {})
      if (error instanceof FileGone) throw fileNotFound('resources', error.fileId)
      if (!(error instanceof SkillGone)) throw error
      throw conflict('agent.skills: a version was deleted while the session was created', { cause: error })
    })
    if (isNew) {
      // What it was started with is its newest state: nobody has to ask for it.
      const state = await begin(row, agent, params.initial_events).catch(async (error) => {
        await giveUp()
        throw error
      })
      return sessionView(row, agent, state)
    }
    // Somebody else was faster with the same key.
    const first = await records.sessions.getByIdempotencyKey(idempotencyKey!)
    if (!first) throw conflict('the run of this key has failed')
    return resume(first, params.initial_events)
  }

  /** Answers a repeated create; its first try may have ended before it got so far as to start the workflow. */
  async function resume(row: SessionRecord, initialEvents: EventParams[] | null | undefined): Promise<Session> {
    if (row.deletedAt) throw conflict(`session ${row.id}, which this idempotency key created, was deleted`)
    await beginOnce(row, initialEvents)
    return view(row)
  }

  async function beginOnce(row: SessionRecord, initialEvents: EventParams[] | null | undefined): Promise<void> {
    // Temporal may have forgotten a session that has ended: its id would start a second time.
    const hasBegun = row.archivedAt || (await stateOf(row)) || (await runtime.logs.get(row.id).lastSegment())
    if (!hasBegun) await begin(row, await configuration(row), initialEvents)
  }

  /** Starts the workflow of a row, unless it was started before. */
  function begin(
    row: SessionRecord,
    agent: SessionAgent,
    initialEvents: EventParams[] | null | undefined,
  ): Promise<SessionMemo> {
    const events = initialEvents?.length ? receivedEvents(initialEvents, `${row.id} initial`) : undefined
    return new SessionWorkflow(runtime, row.id).start({
      run: 0,
      agentName: agent.name,
      settings: runtime.settings,
      revision: 1,
      ...(row.budget && { budget: row.budget }),
      ...(events && { initialEvents: events }),
    })
  }
}

/**
 * Checks all of what a session is to be made of, and prepares it. Nothing is stored.
 * @param options.withNote its initial events may have a system message. @default false
 * @throws ApiError 4xx that names the field
 */
export async function prepareSession(
  runtime: Runtime,
  id: string,
  params: CreateParams,
  now: string,
  { withNote = false } = {},
): Promise<PreparedResources & { agent: SessionAgent }> {
  const agent = await resolveAgent(runtime, params)
  await checkEnvironment(runtime, params.environment_id)
  await checkVaults(runtime, params.vault_ids ?? [])
  if (params.budget) checkBudgetable(agent.model.id, runtime.prices)
  const prepared = await prepareResources(runtime, id, params.resources ?? [], now)
  await checkInitialEvents(runtime, params.initial_events, withNote ? agent.model.id : undefined)
  return { agent, ...prepared }
}

async function resolveAgent(
  { records, webSearch }: Pick<Runtime, 'records' | 'webSearch'>,
  { agent: reference }: CreateParams,
): Promise<SessionAgent> {
  const { id, version } = typeof reference === 'string' ? { id: reference, version: undefined } : reference
  const agent = await records.agents.get(id, version ?? undefined)
  if (!agent) throw notFound('agent', version ? `${id} version ${version}` : id)
  if (agent.archived_at) throw invalidRequest(`agent ${id} is archived`, { code: 'agent_archived' })
  if (typeof reference === 'string' || reference.type === 'agent') {
    await checkSkills(records, agent.skills, 'agent.skills')
    return sessionAgent(agent)
  }
  const { type: _type, id: _id, version: _version, ...overrides } = reference
  const overridden = applyOverrides(agent, await withSkillVersions(records, overrides, 'agent'))
  if (!webSearch) refuseSearch(overridden)
  await checkSkills(records, overridden.skills, 'agent.skills')
  return overridden
}

async function checkEnvironment({ records }: Runtime, id: string): Promise<void> {
  const environment = await records.environments.get(id)
  if (!environment) throw environmentNotFound(id)
  if (environment.archived_at) throw invalidRequest(`environment ${id} is archived`, { code: 'environment_archived' })
}

/** @throws ApiError 404 for a vault that is not there, 400 for an archived one */
async function checkVaults({ records }: Runtime, ids: string[]): Promise<void> {
  for (const [index, id] of ids.entries()) {
    const vault = await records.vaults.get(id)
    if (!vault) throw notFound(`vault_ids.${index}: vault`, id, { code: 'vault_not_found' })
    if (vault.archived_at)
      throw invalidRequest(`vault_ids.${index}: vault ${id} is archived`, { code: 'vault_archived' })
  }
}

/** @param noteFor the model that may get a system message, if one is allowed */
async function checkInitialEvents(
  runtime: Runtime,
  events: EventParams[] | null | undefined,
  noteFor: string | undefined,
): Promise<void> {
  for (const [index, event] of (events ?? []).entries()) {
    if (event.type === 'user.define_outcome') throw notSupported(`initial_events.${index}: user.define_outcome`)
    if (event.type === 'system.message' && noteFor !== undefined) continue
    if (event.type !== 'user.message') {
      throw invalidRequest(`initial_events.${index}: ${event.type} is not allowed here, only user.message`)
    }
  }
  if (noteFor !== undefined) checkSystemMessage(events ?? [], noteFor, 'initial_events')
  await checkContent(runtime, events ?? [], 'initial_events')
}

const cursorShape = {
  order: z.enum(['asc', 'desc']),
  direction: z.enum(['next', 'prev']),
  createdAt: z.string(),
  id: z.string(),
}
type ListCursor = z.infer<z.ZodObject<typeof cursorShape>>

/** Rows that are looked at together for those of a status, however few of them are missing. */
const rowsAtOnce = 100

async function listSessions(
  runtime: Runtime,
  input: SessionListParams | undefined,
  configuration: (row: SessionRecord) => Promise<SessionAgent>,
  stateOf: (row: SessionRecord) => Promise<SessionMemo | undefined>,
): Promise<BidirectionalPage<Session>> {
  const params = parse(sessionListParams, input ?? {})
  if (params.agent_version !== undefined && params.agent_id === undefined)
    throw invalidRequest('agent_version: only together with agent_id')
  const cursor: ListCursor | undefined = params.page ? decodePage('sessions', params.page, cursorShape) : undefined
  if (cursor && params.order && params.order !== cursor.order)
    throw invalidRequest('page: the cursor is of the other order')
  if (cursor) checkPosition(cursor, params.created_at)
  const order = cursor?.order ?? params.order ?? 'desc'
  const backwards = cursor?.direction === 'prev'
  const statuses = params.statuses?.length ? params.statuses : undefined
  const kept: { row: SessionRecord; session: Session }[] = []
  let after = cursor && { createdAt: cursor.createdAt, id: cursor.id }
  let more = true
  while (kept.length < params.limit && more) {
    const page = await runtime.records.sessions.list({
      limit: statuses ? rowsAtOnce : params.limit,
      order,
      backwards,
      ...(after && { after }),
      createdAt: params.created_at,
      includeArchived: params.include_archived ?? false,
      ...(params.agent_id !== undefined && { agentId: params.agent_id }),
      ...(params.agent_version && { agentVersion: params.agent_version }),
      ...(params.deployment_id !== undefined && { deploymentId: params.deployment_id }),
      ...(params.memory_store_id !== undefined && { memoryStoreId: params.memory_store_id }),
    })
    const open = page.rows.filter((row) => !row.archivedAt)
    const listed = await statesOf(
      runtime,
      open.map((row) => row.id),
    )
    const states = new Map<string, SessionMemo | undefined>(listed)
    await Promise.all(
      open.filter(({ id }) => !listed.has(id)).map(async (row) => states.set(row.id, await stateOf(row))),
    )
    const wanted = page.rows.filter((row) => !statuses || statuses.includes(statusOf(row, states.get(row.id))))
    const missing = params.limit - kept.length
    const taken = await Promise.all(
      (backwards ? wanted.slice(-missing) : wanted.slice(0, missing)).map(async (row) => {
        const state = states.has(row.id) ? states.get(row.id) : await stateOf(row)
        return { row, session: sessionView(row, await configuration(row), state) }
      }),
    )
    if (backwards) kept.unshift(...taken)
    else kept.push(...taken)
    const edge = backwards ? page.rows[0] : page.rows.at(-1)
    if (edge) after = { createdAt: edge.createdAt, id: edge.id }
    more = page.more || wanted.length > missing
  }
  const at = (row: SessionRecord | undefined, direction: 'next' | 'prev') =>
    row ? encodePage('sessions', { order, direction, createdAt: row.createdAt, id: row.id }) : null
  const first = kept[0]?.row
  const last = kept.at(-1)?.row
  return {
    data: kept.map(({ session }) => session),
    next_page: backwards || more ? at(last, 'next') : null,
    prev_page: (backwards ? more : cursor !== undefined) ? at(first, 'prev') : null,
  }
}

function checkPosition(cursor: ListCursor, filter: z.output<typeof sessionListParams>['created_at']): void {
  if (!filter) return
  const at = Date.parse(cursor.createdAt)
  const excluded =
    (filter.gt && at <= Date.parse(filter.gt)) ||
    (filter.gte && at < Date.parse(filter.gte)) ||
    (filter.lt && at >= Date.parse(filter.lt)) ||
    (filter.lte && at > Date.parse(filter.lte))
  if (excluded) throw invalidRequest('page: the created_at filter excludes the position of the cursor')
}

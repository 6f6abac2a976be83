import type { Kysely, Transaction } from 'kysely'
import type { SessionAgent } from '../../protocol/sessions.ts'
import { FileGone, type SessionRecord, type SessionRecords, SkillGone } from '../records.ts'
import { keepRun } from './deployment-runs.ts'
import { insertCopy } from './files.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { keepSecrets, readSecrets } from './session-secrets.ts'
import { pinSkills } from './skills.ts'
import { inTransaction } from './transaction.ts'

const read = ({ body }: { body: string }): SessionRecord => JSON.parse(body)

/** The columns that queries use stand beside the body; they are always written together. */
const row = (session: SessionRecord) => ({
  id: session.id,
  created_at: session.createdAt,
  archived_at: session.archivedAt,
  deleted_at: session.deletedAt,
  environment_id: session.environmentId,
  agent_id: session.agentId,
  agent_version: session.agentVersion,
  idempotency_key: session.idempotencyKey,
  deployment_id: session.deploymentId ?? null,
  revision: session.revision,
  body: JSON.stringify(session),
})

/** Memory stores are attached at creation only. */
async function attach(to: Kysely<Schema>, { id, resources }: SessionRecord): Promise<void> {
  const stores = resources.filter((resource) => resource.type === 'memory_store')
  if (stores.length === 0) return
  const rows = stores.map(({ memory_store_id }) => ({ session_id: id, store_id: memory_store_id }))
  await to.insertInto('session_memory_stores').values(rows).execute()
}

export function sessionRecords(database: Kysely<Schema>): SessionRecords {
  const find = (from: Kysely<Schema>, id: string) =>
    from.selectFrom('sessions').select('body').where('id', '=', id).executeTakeFirst()
  const configure = (to: Kysely<Schema>, session_id: string, revision: number, agent: SessionAgent) =>
    to
      .insertInto('session_configurations')
      .values({ session_id, revision, body: JSON.stringify(agent) })
      .execute()

  return {
    async insert(session, agent, secrets, run, files = []) {
      return inTransaction(database, async (transaction) => {
        const { numInsertedOrUpdatedRows } = await transaction
          .insertInto('sessions')
          .values(row(session))
          .onConflict((clash) => clash.column('idempotency_key').doNothing())
          .executeTakeFirst()
        if (Number(numInsertedOrUpdatedRows) !== 1) return false
        if (run && !(await keepRun(transaction, run))) {
          await transaction.deleteFrom('sessions').where('id', '=', session.id).execute()
          return false
        }
        await configure(transaction, session.id, session.revision, agent)
        await attach(transaction, session)
        const versions = agent.skills.map(({ version }) => version)
        if (!(await pinSkills(transaction, session.id, versions))) throw new SkillGone()
        if (secrets) await keepSecrets(transaction, session.id, secrets)
        for (const file of files) if (!(await insertCopy(transaction, file))) throw new FileGone(file.of)
        return true
      })
    },
    async get(id) {
      const found = await find(database, id)
      return found && read(found)
    },
    async getByIdempotencyKey(key) {
      const found = await database
        .selectFrom('sessions')
        .select('body')
        .where('idempotency_key', '=', key)
        .executeTakeFirst()
      return found && read(found)
    },
    async configuration(id, revision) {
      const found = await database
        .selectFrom('session_configurations')
        .select('body')
        .where('session_id', '=', id)
        .where('revision', '=', revision)
        .executeTakeFirst()
      return found && (JSON.parse(found.body) as SessionAgent)
    },
    async update(id, change, agent, secrets) {
      return inTransaction(database, async (transaction) => {
        // Locked before it is read, so that no change of another process is overwritten.
        await transaction.updateTable('sessions').set({ id }).where('id', '=', id).execute()
        const found = await find(transaction, id)
        if (!found) return undefined
        const before = read(found)
        const changes = typeof change === 'function' ? change(before) : change
        const session = { ...before, ...changes, revision: agent ? before.revision + 1 : before.revision }
        await transaction.updateTable('sessions').set(row(session)).where('id', '=', id).execute()
        if (agent) await configure(transaction, id, session.revision, agent)
        if (secrets) await keepSecrets(transaction, id, secrets)
        return session
      })
    },
    secrets: (id) => readSecrets(database, id),
    async delete(id) {
      await inTransaction(database, async (transaction) => {
        // First, so that a change that comes at the same time finds no session.
        await transaction.deleteFrom('sessions').where('id', '=', id).execute()
        await transaction.deleteFrom('session_secrets').where('session_id', '=', id).execute()
        await transaction.deleteFrom('session_configurations').where('session_id', '=', id).execute()
        await transaction.deleteFrom('session_skills').where('session_id', '=', id).execute()
        await transaction.deleteFrom('session_memory_stores').where('session_id', '=', id).execute()
      })
    },
    async deletedBefore(at, { limit, after = '' }) {
      const rows = await database
        .selectFrom('sessions')
        .select('id')
        .where('deleted_at', '<', at)
        .where('id', '>', after)
        .orderBy('id')
        .limit(limit)
        .execute()
      return rows.map(({ id }) => id)
    },
    async list({ agentId, agentVersion, deploymentId, memoryStoreId, ...query }) {
      let all = database.selectFrom('sessions').select(['id', 'created_at', 'body']).where('deleted_at', 'is', null)
      if (!query.includeArchived) all = all.where('archived_at', 'is', null)
      if (agentId !== undefined) all = all.where('agent_id', '=', agentId)
      if (agentVersion !== undefined) all = all.where('agent_version', '=', agentVersion)
      if (deploymentId !== undefined) all = all.where('deployment_id', '=', deploymentId)
      if (memoryStoreId !== undefined) {
        all = all.where('id', 'in', (from) =>
          from.selectFrom('session_memory_stores').select('session_id').where('store_id', '=', memoryStoreId),
        )
      }
      const { rows, more } = await page(all, query)
      return { rows: rows.map(read), more }
    },
    async countByEnvironment(environmentId) {
      const { count } = await database
        .selectFrom('sessions')
        .select((session) => session.fn.countAll().as('count'))
        .where('environment_id', '=', environmentId)
        .where('archived_at', 'is', null)
        .where('deleted_at', 'is', null)
        .executeTakeFirstOrThrow()
      return Number(count)
    },
  }
}

/**
 * Whether a session is there and not being deleted. Locks it, so that of what belongs to it nobody changes what the
 * transaction reads from then on.
 */
export async function lockLive(transaction: Transaction<Schema>, sessionId: string): Promise<boolean> {
  const session = await transaction
    .updateTable('sessions')
    .set({ id: sessionId })
    .where('id', '=', sessionId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return Number(session.numUpdatedRows) === 1
}

import type { Kysely } from 'kysely'
import { archivedDeployment, type StoredDeployment } from '../../protocol/deployments.ts'
import type { DeploymentRecord, DeploymentRecords } from '../deployment-records.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { alone, inTransaction, lockOut } from './transaction.ts'

/** The columns that queries use stand beside the body; they are always written together. */
const row = (deployment: StoredDeployment) => ({
  id: deployment.id,
  created_at: deployment.created_at,
  archived_at: deployment.archived_at,
  agent_id: deployment.agent.id,
  paused: deployment.paused_reason ? 1 : 0,
  scheduled: deployment.schedule ? 1 : 0,
  body: JSON.stringify(deployment),
})

const read = ({ body, last_run_at }: { body: string; last_run_at: string | null }): DeploymentRecord => ({
  deployment: JSON.parse(body),
  lastRunAt: last_run_at,
})

const live = (from: Kysely<Schema>) => from.selectFrom('deployments').where('archived_at', 'is', null)

export function deploymentRecords(database: Kysely<Schema>): DeploymentRecords {
  /** Behind a write, for SQLite's lock: nobody counts at the same time. */
  const isFull = async (transaction: Kysely<Schema>, id: string, most: number) => {
    await lockOut(transaction, alone.countClocks)
    const { count } = await live(transaction)
      .select((deployment) => deployment.fn.countAll().as('count'))
      .where('scheduled', '=', 1)
      .where('id', '!=', id)
      .executeTakeFirstOrThrow()
    return Number(count) >= most
  }

  return {
    async insert(deployment, most) {
      return inTransaction(database, async (transaction) => {
        // First of all, for the lock.
        await transaction
          .insertInto('deployments')
          .values({ ...row(deployment), last_run_at: null })
          .execute()
        if (!deployment.schedule || !(await isFull(transaction, deployment.id, most))) return true
        await transaction.deleteFrom('deployments').where('id', '=', deployment.id).execute()
        return false
      })
    },
    async get(id) {
      const found = await database.selectFrom('deployments').selectAll().where('id', '=', id).executeTakeFirst()
      return found && read(found)
    },
    async update(deployment, before, most) {
      return inTransaction(database, async (transaction) => {
        const { numUpdatedRows } = await transaction
          .updateTable('deployments')
          .set({ id: before.id })
          .where('id', '=', before.id)
          .where('body', '=', JSON.stringify(before))
          .executeTakeFirst()
        if (Number(numUpdatedRows) !== 1) return 'outrun'
        if (deployment.schedule && !before.schedule && (await isFull(transaction, before.id, most))) return 'full'
        await transaction.updateTable('deployments').set(row(deployment)).where('id', '=', before.id).execute()
        return 'stored'
      })
    },
    async liveOf(agentId) {
      const rows = await live(database).selectAll().where('agent_id', '=', agentId).execute()
      return rows.map((found) => read(found).deployment)
    },
    async list({ agentId, status, ...query }) {
      let all = database.selectFrom('deployments').select(['id', 'created_at', 'last_run_at', 'body'])
      if (!query.includeArchived) all = all.where('archived_at', 'is', null)
      if (agentId !== undefined) all = all.where('agent_id', '=', agentId)
      if (status !== undefined) all = all.where('paused', '=', status === 'paused' ? 1 : 0)
      const { rows, more } = await page(all, query)
      return { rows: rows.map(read), more }
    },
  }
}

/** Changes a deployment by what it is now. */
export async function changeDeployment(
  transaction: Kysely<Schema>,
  id: string,
  change: (deployment: StoredDeployment) => StoredDeployment,
): Promise<void> {
  // Locked before it is read.
  await transaction.updateTable('deployments').set({ id }).where('id', '=', id).execute()
  const found = await transaction.selectFrom('deployments').select('body').where('id', '=', id).executeTakeFirst()
  if (!found) return
  await transaction
    .updateTable('deployments')
    .set(row(change(JSON.parse(found.body))))
    .where('id', '=', id)
    .execute()
}

/** Archives what is left of an agent's deployments. Source: spec §3. */
export async function archiveDeploymentsOf(transaction: Kysely<Schema>, agentId: string, at: string): Promise<void> {
  const rows = await live(transaction).select('id').where('agent_id', '=', agentId).execute()
  for (const { id } of rows) {
    // It may have got another agent before it was locked.
    await changeDeployment(transaction, id, (before) =>
      before.agent.id === agentId ? archivedDeployment(before, at) : before,
    )
  }
}

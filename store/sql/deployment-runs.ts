import type { Kysely, Selectable } from 'kysely'
import { type DeploymentRun, pausedDeployment } from '../../protocol/deployments.ts'
import type { DeploymentRunRecord, DeploymentRunRecords } from '../deployment-records.ts'
import type { DeploymentSchema } from './deployment-tables.ts'
import { changeDeployment } from './deployments.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

const read = (row: Selectable<DeploymentSchema['deployment_runs']>): DeploymentRunRecord => ({
  run: JSON.parse(row.body),
  key: row.key,
  pending: row.pending === null ? null : JSON.parse(row.pending),
})

/**
 * Stores a run, and that its deployment has run, if the clock made it. False, and nothing stored, when there is one of this
 * key.
 */
export async function keepRun(to: Kysely<Schema>, { run, key, pending }: DeploymentRunRecord): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await to
    .insertInto('deployment_runs')
    .values({
      id: run.id,
      created_at: run.created_at,
      deployment_id: run.deployment_id,
      key,
      trigger_type: run.trigger_context.type,
      failed: run.error ? 1 : 0,
      pending: pending && JSON.stringify(pending),
      body: JSON.stringify(run),
    })
    .onConflict((clash) => clash.column('key').doNothing())
    .executeTakeFirst()
  if (Number(numInsertedOrUpdatedRows) !== 1) return false
  if (run.trigger_context.type === 'schedule') {
    await to
      .updateTable('deployments')
      .set({ last_run_at: run.created_at })
      .where('id', '=', run.deployment_id)
      .execute()
  }
  return true
}

export function deploymentRunRecords(database: Kysely<Schema>): DeploymentRunRecords {
  const byKey = (from: Kysely<Schema>, key: string) =>
    from.selectFrom('deployment_runs').selectAll().where('key', '=', key).executeTakeFirst()

  return {
    async get(id) {
      const found = await database.selectFrom('deployment_runs').select('body').where('id', '=', id).executeTakeFirst()
      return found && (JSON.parse(found.body) as DeploymentRun)
    },
    async getByKey(key) {
      const found = await byKey(database, key)
      return found && read(found)
    },
    async fail(record, pause) {
      return inTransaction(database, async (transaction) => {
        const { run, key } = record
        if (!(await keepRun(transaction, record))) return read((await byKey(transaction, key))!).run
        if (pause) {
          await changeDeployment(transaction, run.deployment_id, (before) =>
            pausedDeployment(before, pause, run.created_at),
          )
        }
        return run
      })
    },
    async begun(key) {
      await database.updateTable('deployment_runs').set({ pending: null }).where('key', '=', key).execute()
    },
    async delete(key) {
      await database.deleteFrom('deployment_runs').where('key', '=', key).execute()
    },
    async pendingBefore(at, { limit, after = '' }) {
      const rows = await database
        .selectFrom('deployment_runs')
        .selectAll()
        .where('pending', 'is not', null)
        .where('created_at', '<', at)
        .where('key', '>', after)
        .orderBy('key')
        .limit(limit)
        .execute()
      return rows.map(read)
    },
    async list({ deploymentId, hasError, trigger, ...query }) {
      let all = database.selectFrom('deployment_runs').select(['id', 'created_at', 'body'])
      if (deploymentId !== undefined) all = all.where('deployment_id', '=', deploymentId)
      if (hasError !== undefined) all = all.where('failed', '=', hasError ? 1 : 0)
      if (trigger !== undefined) all = all.where('trigger_type', '=', trigger)
      const { rows, more } = await page(all, query)
      return { rows: rows.map(({ body }) => JSON.parse(body) as DeploymentRun), more }
    },
  }
}

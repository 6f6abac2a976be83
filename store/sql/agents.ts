import type { Kysely } from 'kysely'
import type { Agent } from '../../protocol/agents.ts'
import type { AgentRecords } from '../records.ts'
import { archiveDeploymentsOf } from './deployments.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { inTransaction } from './transaction.ts'

export function agentRecords(database: Kysely<Schema>): AgentRecords {
  /** A version's body with what belongs to the agent as a whole. */
  const read = (row: { body: string; archived_at: string | null } | undefined): Agent | undefined =>
    row && { ...(JSON.parse(row.body) as Agent), archived_at: row.archived_at }
  const joined = () =>
    database
      .selectFrom('agents')
      .innerJoin('agent_versions', 'agent_versions.agent_id', 'agents.id')
      .select(['agents.id', 'agents.created_at', 'agents.archived_at', 'agent_versions.body', 'agent_versions.version'])

  return {
    async insert(agent) {
      await inTransaction(database, async (transaction) => {
        const { id, created_at, archived_at, version } = agent
        await transaction.insertInto('agents').values({ id, created_at, archived_at, version }).execute()
        await transaction
          .insertInto('agent_versions')
          .values({ agent_id: id, version, body: JSON.stringify(agent) })
          .execute()
      })
    },

    async get(id, version) {
      const query = joined().where('agents.id', '=', id)
      return read(
        await (version === undefined
          ? query.whereRef('agent_versions.version', '=', 'agents.version')
          : query.where('agent_versions.version', '=', version)
        ).executeTakeFirst(),
      )
    },

    async update(agent, expected) {
      return inTransaction(database, async (transaction) => {
        const { id, version } = agent
        const moved = await transaction
          .updateTable('agents')
          .set({ version })
          .where('id', '=', id)
          .where('version', '=', expected)
          .where('archived_at', 'is', null)
          .executeTakeFirst()
        if (Number(moved.numUpdatedRows) !== 1) return false
        await transaction
          .insertInto('agent_versions')
          .values({ agent_id: id, version, body: JSON.stringify(agent) })
          .execute()
        return true
      })
    },

    async archive(id, at) {
      await inTransaction(database, async (transaction) => {
        // Archiving again keeps the first time.
        await transaction
          .updateTable('agents')
          .set({ archived_at: at })
          .where('id', '=', id)
          .where('archived_at', 'is', null)
          .execute()
        await archiveDeploymentsOf(transaction, id, at)
      })
      return this.get(id)
    },

    async list(query) {
      const newest = database
        .selectFrom('agents')
        .innerJoin('agent_versions', (join) =>
          join
            .onRef('agent_versions.agent_id', '=', 'agents.id')
            .onRef('agent_versions.version', '=', 'agents.version'),
        )
        .select(['id', 'created_at', 'archived_at', 'body'])
      const { rows, more } = await page(query.includeArchived ? newest : newest.where('archived_at', 'is', null), query)
      return { rows: rows.map((row) => read(row)!), more }
    },

    async versions(id, { limit, after }) {
      const query = joined()
        .where('agents.id', '=', id)
        .orderBy('agent_versions.version', 'desc')
        .limit(limit + 1)
      const rows = await (after === undefined ? query : query.where('agent_versions.version', '<', after)).execute()
      return { rows: rows.slice(0, limit).map((row) => read(row)!), more: rows.length > limit }
    },
  }
}

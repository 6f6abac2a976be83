import type { Kysely } from 'kysely'
import type { Environment } from '../../protocol/environments.ts'
import type { EnvironmentRecords } from '../records.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'

export function environmentRecords(database: Kysely<Schema>): EnvironmentRecords {
  const row = (environment: Environment) => ({
    id: environment.id,
    created_at: environment.created_at,
    archived_at: environment.archived_at,
    body: JSON.stringify(environment),
  })
  return {
    async insert(environment) {
      await database.insertInto('environments').values(row(environment)).execute()
    },
    async get(id) {
      const found = await database.selectFrom('environments').select('body').where('id', '=', id).executeTakeFirst()
      return found && (JSON.parse(found.body) as Environment)
    },
    async update(environment, before) {
      const { numUpdatedRows } = await database
        .updateTable('environments')
        .set(row(environment))
        .where('id', '=', before.id)
        .where('body', '=', JSON.stringify(before))
        .executeTakeFirst()
      return Number(numUpdatedRows) === 1
    },
    async delete(id) {
      const { numDeletedRows } = await database.deleteFrom('environments').where('id', '=', id).executeTakeFirst()
      return Number(numDeletedRows) === 1
    },
    async list(query) {
      const all = database.selectFrom('environments').select(['id', 'created_at', 'body'])
      const { rows, more } = await page(query.includeArchived ? all : all.where('archived_at', 'is', null), query)
      return { rows: rows.map(({ body }) => JSON.parse(body) as Environment), more }
    },
  }
}

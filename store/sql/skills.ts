import type { Kysely, Transaction } from 'kysely'
import type { Skill, SkillVersion } from '../../protocol/skills.ts'
import type { NewSkillVersion, SkillRecords, SkillVersionRecord } from '../skill-records.ts'
import { page } from './pages.ts'
import type { Schema } from './schema.ts'
import { inTransaction, kept } from './transaction.ts'

type Row = Schema['skill_versions']

const readSkill = ({ body }: { body: string }) => JSON.parse(body) as Skill
const readVersion = ({ number, deleted_at, blob, sha256, size, body }: Row): SkillVersionRecord => ({
  version: JSON.parse(body) as SkillVersion,
  number: Number(number),
  isDeleted: deleted_at !== null,
  blob,
  sha256,
  size: Number(size),
})

export function skillRecords(database: Kysely<Schema>): SkillRecords {
  const find = (from: Kysely<Schema>, id: string) =>
    from.selectFrom('skills').select('body').where('id', '=', id).executeTakeFirst()
  const versionsOf = (from: Kysely<Schema>, skillId: string) =>
    from
      .selectFrom('skill_versions')
      .selectAll()
      .where('skill_id', '=', skillId)
      .where('deleted_at', 'is', null)
      .orderBy('number', 'desc')

  /** Stores what a skill's newest version is. */
  async function setLatest(transaction: Transaction<Schema>, skill: Skill, id: string, at: string): Promise<void> {
    const body = JSON.stringify({ ...skill, latest_version_id: id, updated_at: at })
    await transaction.updateTable('skills').set({ body }).where('id', '=', skill.id).execute()
  }

  return {
    async insert(skill, version) {
      await inTransaction(database, async (transaction) => {
        const { id, created_at } = skill
        await transaction
          .insertInto('skills')
          .values({ id, created_at, body: JSON.stringify(skill) })
          .execute()
        await insertVersion(transaction, version)
      })
    },

    async get(id) {
      const row = await find(database, id)
      return row && readSkill(row)
    },

    async delete(id, at) {
      return inTransaction(database, async (transaction) => {
        const { numDeletedRows } = await transaction.deleteFrom('skills').where('id', '=', id).executeTakeFirst()
        if (Number(numDeletedRows) !== 1) return false
        await transaction
          .updateTable('skill_versions')
          .set({ deleted_at: at })
          .where('skill_id', '=', id)
          .where('deleted_at', 'is', null)
          .execute()
        return true
      })
    },

    async list(query) {
      const { rows, more } = await page(database.selectFrom('skills').select(['id', 'created_at', 'body']), query)
      return { rows: rows.map(readSkill), more }
    },

    versions: {
      async insert(version) {
        return inTransaction(database, async (transaction) => {
          const skill = await lock(transaction, version.version.skill_id)
          if (!skill) return undefined
          const stored = await insertVersion(transaction, version)
          await setLatest(transaction, skill, version.version.id, stored.version.created_at)
          return stored
        })
      },

      async get(skillId, by) {
        let query = versionsOf(database, skillId)
        if (by !== 'latest') query = query.where('id' in by ? 'id' : 'number', '=', 'id' in by ? by.id : by.number)
        const row = await query.limit(1).executeTakeFirst()
        return row && readVersion(row)
      },

      async getMany(ids) {
        if (ids.length === 0) return []
        const rows = await database.selectFrom('skill_versions').selectAll().where('id', 'in', ids).execute()
        return rows.map(readVersion)
      },

      async delete(skillId, id, at) {
        return inTransaction(database, async (transaction) => {
          const skill = await lock(transaction, skillId)
          if (!skill) return 'absent'
          const [newest, second] = await versionsOf(transaction, skillId).limit(2).execute()
          if (newest?.id === id && !second) return 'last'
          const { numUpdatedRows } = await transaction
            .updateTable('skill_versions')
            .set({ deleted_at: at })
            .where('id', '=', id)
            .where('skill_id', '=', skillId)
            .where('deleted_at', 'is', null)
            .executeTakeFirst()
          if (Number(numUpdatedRows) !== 1) return 'absent'
          if (newest?.id === id) await setLatest(transaction, skill, second!.id, at)
          return 'deleted'
        })
      },

      async list(skillId, { limit, after }) {
        const query = versionsOf(database, skillId).limit(limit + 1)
        const rows = await (after === undefined ? query : query.where('number', '<', after)).execute()
        return { rows: rows.slice(0, limit).map(readVersion), more: rows.length > limit }
      },

      async unneeded(limit) {
        const rows = await database
          .selectFrom('skill_versions')
          .selectAll()
          .where('deleted_at', 'is not', null)
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom('session_skills')
                  .innerJoin('sessions', 'sessions.id', 'session_skills.session_id')
                  .select('session_skills.session_id')
                  .whereRef('session_skills.version_id', '=', 'skill_versions.id')
                  .where('sessions.archived_at', 'is', null),
              ),
            ),
          )
          .limit(limit)
          .execute()
        return rows.map(readVersion)
      },

      async forget(id) {
        await database.deleteFrom('skill_versions').where('id', '=', id).where('deleted_at', 'is not', null).execute()
      },
    },
  }

  /** The skill, which nobody else changes until the transaction ends. */
  async function lock(transaction: Transaction<Schema>, id: string): Promise<Skill | undefined> {
    await transaction.updateTable('skills').set({ id }).where('id', '=', id).execute()
    const row = await find(transaction, id)
    return row && readSkill(row)
  }
}

async function insertVersion(
  transaction: Transaction<Schema>,
  { version: given, blob, sha256, size }: NewSkillVersion,
): Promise<SkillVersionRecord> {
  // Of deleted ones, too: a number is never another version's.
  const { newest } = await transaction
    .selectFrom('skill_versions')
    .select((row) => row.fn.max('number').as('newest'))
    .where('skill_id', '=', given.skill_id)
    .executeTakeFirstOrThrow()
  const number = Math.max(Date.parse(given.created_at), Number(newest ?? 0) + 1)
  const version = { ...given, created_at: new Date(number).toISOString() }
  const { id, skill_id } = version
  await transaction
    .insertInto('skill_versions')
    .values({ id, skill_id, number, deleted_at: null, blob, sha256, size, body: JSON.stringify(version) })
    .execute()
  return { version, number, isDeleted: false, blob, sha256, size }
}

/**
 * Takes down which versions a session has. False when one of them is deleted: a session keeps what it has, and does not
 * get what is going.
 */
export async function pinSkills(to: Transaction<Schema>, sessionId: string, versionIds: string[]): Promise<boolean> {
  if (versionIds.length === 0) return true
  // Who deletes one meanwhile sees that a session has it. Other sessions get the same ones at the same time: would each
  // lock them for itself, in whatever order the database comes to them, most would be undone.
  const live = to
    .selectFrom('skill_versions')
    .select('id')
    .where('id', 'in', versionIds)
    .where('deleted_at', 'is', null)
  if ((await kept(to, live)).length !== versionIds.length) return false
  const rows = versionIds.map((version_id) => ({ session_id: sessionId, version_id }))
  await to.insertInto('session_skills').values(rows).execute()
  return true
}

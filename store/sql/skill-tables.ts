import { type Kysely, sql } from 'kysely'
import type { Schema } from './schema.ts'

export interface SkillSchema {
  skills: { id: string; created_at: string; body: string }
  skill_versions: {
    id: string
    skill_id: string
    number: number
    deleted_at: string | null
    blob: string
    sha256: string
    size: number
    body: string
  }
  /** The versions that sessions were created with. */
  session_skills: { session_id: string; version_id: string }
}

/** Step of the schema: skills. */
export async function createSkillTables({ schema }: Kysely<Schema>): Promise<void> {
  await schema
    .createTable('skills')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('skills_by_time').on('skills').columns(['created_at', 'id']).execute()
  await schema
    .createTable('skill_versions')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('skill_id', 'text', (column) => column.notNull())
    .addColumn('number', 'integer', (column) => column.notNull())
    .addColumn('deleted_at', 'text')
    .addColumn('blob', 'text', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('size', 'integer', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addUniqueConstraint('skill_versions_by_number', ['skill_id', 'number'])
    .execute()
  await schema
    .createIndex('skill_versions_by_deletion')
    .on('skill_versions')
    .columns(['deleted_at', 'id'])
    .where(sql<boolean>`deleted_at is not null`)
    .execute()
  await schema
    .createTable('session_skills')
    .addColumn('session_id', 'text', (column) => column.notNull())
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('session_skills_key', ['session_id', 'version_id'])
    .execute()
  await schema.createIndex('session_skills_by_version').on('session_skills').column('version_id').execute()
}

import { type Kysely, sql } from 'kysely'

export interface DeploymentSchema {
  deployments: {
    id: string
    created_at: string
    archived_at: string | null
    agent_id: string
    /** 0 or 1, as are the next. */
    paused: number
    /** It has a schedule. */
    scheduled: number
    last_run_at: string | null
    body: string
  }
  deployment_runs: {
    id: string
    created_at: string
    deployment_id: string
    key: string
    trigger_type: string
    failed: number
    /** What its session begins with, until its workflow was started. */
    pending: string | null
    body: string
  }
}

/** The step of the schema that brings deployments and their runs. */
export async function createDeploymentTables<S extends DeploymentSchema>({ schema }: Kysely<S>): Promise<void> {
  await schema
    .createTable('deployments')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('archived_at', 'text')
    .addColumn('agent_id', 'text', (column) => column.notNull())
    .addColumn('paused', 'integer', (column) => column.notNull())
    .addColumn('scheduled', 'integer', (column) => column.notNull())
    .addColumn('last_run_at', 'text')
    .addColumn('body', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('deployments_by_time').on('deployments').columns(['created_at', 'id']).execute()
  await schema
    .createIndex('deployments_live_by_time')
    .on('deployments')
    .columns(['created_at', 'id'])
    .where(sql<boolean>`archived_at is null`)
    .execute()
  await schema.createIndex('deployments_by_agent').on('deployments').columns(['agent_id', 'created_at', 'id']).execute()
  await schema
    .createTable('deployment_runs')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('deployment_id', 'text', (column) => column.notNull())
    .addColumn('key', 'text', (column) => column.notNull().unique())
    .addColumn('trigger_type', 'text', (column) => column.notNull())
    .addColumn('failed', 'integer', (column) => column.notNull())
    .addColumn('pending', 'text')
    .addColumn('body', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('deployment_runs_by_time').on('deployment_runs').columns(['created_at', 'id']).execute()
  await schema
    .createIndex('deployment_runs_by_deployment')
    .on('deployment_runs')
    .columns(['deployment_id', 'created_at', 'id'])
    .execute()
  await schema
    .createIndex('deployment_runs_pending')
    .on('deployment_runs')
    .column('key')
    .where(sql<boolean>`pending is not null`)
    .execute()
  await schema.alterTable('sessions').addColumn('deployment_id', 'text').execute()
  await schema
    .createIndex('sessions_by_deployment')
    .on('sessions')
    .columns(['deployment_id', 'created_at', 'id'])
    .where(sql<boolean>`deployment_id is not null`)
    .execute()
}

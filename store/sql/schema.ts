import type { ColumnType } from 'kysely'
import type { DeploymentSchema } from './deployment-tables.ts'
import type { MemorySchema } from './memory-tables.ts'
import type { SkillSchema } from './skill-tables.ts'
import type { VaultSchema } from './vault-tables.ts'

/** Rows as they are stored: times and JSON as text. */
export interface Schema extends DeploymentSchema, MemorySchema, SkillSchema, VaultSchema {
  agents: { id: string; created_at: string; archived_at: string | null; version: number }
  agent_versions: { agent_id: string; version: number; body: string }
  environments: { id: string; created_at: string; archived_at: string | null; body: string }
  files: {
    id: string
    created_at: string
    scope: string | null
    blob: string
    body: string
    /** When its content, or else its row, is to go. */
    due_at: string | null
  }
  sessions: {
    id: string
    created_at: string
    archived_at: string | null
    deleted_at: string | null
    environment_id: string
    agent_id: string
    agent_version: number
    idempotency_key: string | null
    deployment_id: string | null
    revision: number
    body: string
  }
  session_outputs: {
    session_id: string
    path: string
    signature: string
    sha256: string | null
    size: number
    file_id: string | null
  }
  session_snapshots: { session_id: string; body: string }
  session_configurations: { session_id: string; revision: number; body: string }
  session_secrets: { session_id: string; resource_id: string; sealed: string }
  migrations: { version: number; applied_at: ColumnType<string, string, never> }
}

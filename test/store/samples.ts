import { type Agent, createAgent, sessionAgent } from '../../protocol/agents.ts'
import { type Credential, createCredential } from '../../protocol/credentials.ts'
import type { DeploymentRun, StoredDeployment } from '../../protocol/deployments.ts'
import { createEnvironment, type Environment } from '../../protocol/environments.ts'
import { newId } from '../../protocol/ids.ts'
import type { Skill } from '../../protocol/skills.ts'
import type { FileRecord, SessionRecord } from '../../store/records.ts'
import type { NewSkillVersion } from '../../store/skill-records.ts'

/** The n-th second of a day. */
export const second = (n: number): string => new Date(Date.UTC(2026, 10, 1) + n * 1000).toISOString()

export const anAgent = (at = second(0)): Agent => createAgent({ name: 'a', model: 'claude-opus-5' }, at)
export const nextVersion = (agent: Agent): Agent => ({
  ...agent,
  version: agent.version + 1,
  system: `v${agent.version + 1}`,
})
export const anEnvironment = (at = second(0)): Environment => createEnvironment({ name: 'e' }, at)
export const aConfiguration = sessionAgent(anAgent())

export function aSession(fields: Partial<SessionRecord> = {}): SessionRecord {
  return {
    id: newId('session'),
    environmentId: 'env_1',
    title: null,
    metadata: {},
    vaultIds: [],
    budget: null,
    resources: [],
    revision: 1,
    agentId: 'agent_1',
    agentVersion: 1,
    createdAt: second(0),
    updatedAt: second(0),
    archivedAt: null,
    idempotencyKey: null,
    deletedAt: null,
    ...fields,
  }
}

export function aFile(fields: Partial<FileRecord['metadata']> = {}, blob?: string): FileRecord {
  const id = newId('file')
  return {
    metadata: {
      id,
      type: 'file',
      filename: 'data.csv',
      mime_type: 'text/csv',
      size_bytes: 1,
      created_at: second(0),
      downloadable: true,
      expires_at: null,
      scope: null,
      ...fields,
    },
    blob: blob ?? `files/${id}`,
  }
}

export const aCredential = (vaultId: string, at = second(0)): Credential =>
  createCredential(vaultId, { auth: { type: 'static_bearer', mcp_server_url: 'https://mcp.example/', token: 't' } }, at)
    .credential

export const aDeployment = (fields: Partial<StoredDeployment> = {}): StoredDeployment => ({
  id: newId('deployment'),
  type: 'deployment',
  name: 'a',
  description: null,
  agent: { type: 'agent', id: 'agent_1', version: 1 },
  environment_id: 'env_1',
  initial_events: [{ type: 'user.message', content: [{ type: 'text', text: 'go' }] }],
  resources: [],
  vault_ids: [],
  metadata: {},
  schedule: null,
  paused_reason: null,
  budget: null,
  clock: null,
  created_at: second(0),
  updated_at: second(0),
  archived_at: null,
  ...fields,
})

export const aRun = (fields: Partial<DeploymentRun> = {}): DeploymentRun => ({
  id: newId('deploymentRun'),
  type: 'deployment_run',
  deployment_id: 'depl_1',
  agent: { type: 'agent', id: 'agent_1', version: 1 },
  trigger_context: { type: 'schedule', scheduled_at: second(0) },
  session_id: null,
  error: null,
  created_at: second(0),
  ...fields,
})

export function aSkillVersion(skill_id: string, at = second(0)): NewSkillVersion {
  const id = newId('skillVersion')
  const version = { id, type: 'skill_version' as const, skill_id, name: 'pdf', description: 'd', created_at: at }
  return { version, blob: `skills/${skill_id}/${id}`, sha256: 'ab'.repeat(32), size: 5 }
}

export function aSkill(at = second(0)): { skill: Skill; version: NewSkillVersion } {
  const id = newId('skill')
  const version = aSkillVersion(id, at)
  const [source, latest_version_id] = [{ type: 'custom' as const }, version.version.id]
  const times = { created_at: at, updated_at: at }
  return { skill: { id, type: 'skill', display_name: 'PDF', latest_version_id, source, ...times }, version }
}

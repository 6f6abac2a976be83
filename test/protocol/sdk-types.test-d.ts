/** Checked by tsc alone: what goes out is what the official SDK's types say, and what its types allow may come in. */
import type {
  BetaManagedAgentsAgent,
  AgentCreateParams as SdkAgentCreate,
  AgentUpdateParams as SdkAgentUpdate,
} from '@anthropic-ai/sdk/resources/beta/agents/agents'
import type {
  BetaEnvironment,
  EnvironmentCreateParams as SdkEnvironmentCreate,
  EnvironmentListParams as SdkEnvironmentList,
  EnvironmentUpdateParams as SdkEnvironmentUpdate,
} from '@anthropic-ai/sdk/resources/beta/environments/environments'
import type { BetaFileMetadata, FileListParams as SdkFileList } from '@anthropic-ai/sdk/resources/beta/files'
import type { BetaSkill, SkillCreateParams as SdkSkillCreate } from '@anthropic-ai/sdk/resources/beta/skills/skills'
import type {
  BetaSkillVersion,
  VersionListParams as SdkSkillVersionList,
} from '@anthropic-ai/sdk/resources/beta/skills/versions'
import type { Agent, AgentCreateParams, AgentUpdateParams } from '../../protocol/agents.ts'
import type {
  Environment,
  EnvironmentCreateParams,
  EnvironmentListParams,
  EnvironmentUpdateParams,
} from '../../protocol/environments.ts'
import type { FileListParams, FileMetadata } from '../../protocol/files.ts'
import type { Skill, SkillCreateParams, SkillVersion, SkillVersionListParams } from '../../protocol/skills.ts'
import type { AgentTool } from '../../protocol/tools.ts'

/** Fails to compile unless every `From` is a `To`. */
type Fits<From extends To, To> = From
/** What the SDK sends as headers is no part of the body. */
type Body<T> = Omit<T, 'betas' | 'workspace_id'>

export type Outputs = [
  Fits<Agent, BetaManagedAgentsAgent>,
  Fits<AgentTool, BetaManagedAgentsAgent['tools'][number]>,
  Fits<Environment, BetaEnvironment>,
  Fits<FileMetadata, BetaFileMetadata>,
  Fits<Skill, BetaSkill>,
  Fits<SkillVersion, BetaSkillVersion>,
]

export type Inputs = [
  Fits<Body<SdkAgentCreate>, AgentCreateParams>,
  Fits<Body<SdkAgentUpdate>, AgentUpdateParams>,
  Fits<Body<SdkEnvironmentCreate>, EnvironmentCreateParams>,
  Fits<Body<SdkEnvironmentUpdate>, EnvironmentUpdateParams>,
  Fits<Body<SdkEnvironmentList>, EnvironmentListParams>,
  Fits<Body<SdkFileList>, FileListParams>,
  Fits<Omit<Body<SdkSkillCreate>, 'files'>, Omit<SkillCreateParams, 'files'>>,
  Fits<Body<SdkSkillVersionList>, SkillVersionListParams>,
]

export const agent = {
  name: 'Reviewer',
  model: { id: 'claude-opus-5-5', effort: 'high' },
  tools: [{ type: 'agent_toolset_20260401', configs: [{ name: 'bash', permission_policy: { type: 'always_ask' } }] }],
} satisfies SdkAgentCreate & AgentCreateParams

/** Checked by tsc alone: what the document says of answers is true of what is answered. */
import type { z } from 'zod'
import type { Agent } from '../../protocol/agents.ts'
import type { CredentialValidation } from '../../protocol/credential-validation.ts'
import type { Credential } from '../../protocol/credentials.ts'
import type { Deployment, DeploymentRun } from '../../protocol/deployments.ts'
import type { Environment } from '../../protocol/environments.ts'
import type { SessionEvent, StreamEvent, UserEvent } from '../../protocol/events.ts'
import type { FileMetadata } from '../../protocol/files.ts'
import type { Session, SessionAgent, SessionResource } from '../../protocol/sessions.ts'
import type { SessionThread } from '../../protocol/threads.ts'
import type { Vault } from '../../protocol/vaults.ts'
import type { agent, sessionAgent } from '../../server/openapi/objects/agents.ts'
import type { deployment, deploymentRun } from '../../server/openapi/objects/deployments.ts'
import type { environment } from '../../server/openapi/objects/environments.ts'
import type { sessionEvent, streamEvent, userEvent } from '../../server/openapi/objects/events.ts'
import type { file } from '../../server/openapi/objects/files.ts'
import type { session, sessionResource, sessionThread } from '../../server/openapi/objects/sessions.ts'
import type { credential, credentialValidation, vault } from '../../server/openapi/objects/vaults.ts'

/** Fails to compile unless every `From` is a `To`. Open objects have an index, which interfaces have not. */
type Fits<From extends Closed<To>, To> = From
type Closed<T> = T extends readonly (infer Item)[]
  ? Closed<Item>[]
  : T extends object
    ? { [Key in keyof T as string extends Key ? never : Key]: Closed<T[Key]> }
    : T

export type Answers = [
  Fits<Agent, z.infer<typeof agent>>,
  Fits<SessionAgent, z.infer<typeof sessionAgent>>,
  Fits<Environment, z.infer<typeof environment>>,
  Fits<Session, z.infer<typeof session>>,
  Fits<SessionThread, z.infer<typeof sessionThread>>,
  Fits<SessionResource, z.infer<typeof sessionResource>>,
  Fits<FileMetadata, z.infer<typeof file>>,
  Fits<Vault, z.infer<typeof vault>>,
  Fits<Credential, z.infer<typeof credential>>,
  Fits<CredentialValidation, z.infer<typeof credentialValidation>>,
  Fits<Omit<Deployment, 'initial_events'>, Omit<z.infer<typeof deployment>, 'initial_events'>>,
  Fits<DeploymentRun, z.infer<typeof deploymentRun>>,
  Fits<UserEvent, z.infer<typeof userEvent>>,
  Fits<SessionEvent, z.infer<typeof sessionEvent>>,
  Fits<StreamEvent, z.infer<typeof streamEvent>>,
]

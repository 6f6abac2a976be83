/** Checked by tsc alone: deployments and their runs are what the official SDK's types say. */
import type {
  BetaManagedAgentsDeploymentRun,
  DeploymentRunListParams as SdkRunList,
} from '@anthropic-ai/sdk/resources/beta/deployment-runs'
import type {
  BetaManagedAgentsDeployment,
  DeploymentCreateParams as SdkCreate,
  DeploymentListParams as SdkList,
  DeploymentUpdateParams as SdkUpdate,
} from '@anthropic-ai/sdk/resources/beta/deployments'
import type {
  Deployment,
  DeploymentCreateParams,
  DeploymentListParams,
  DeploymentRun,
  DeploymentRunListParams,
  DeploymentUpdateParams,
} from '../../protocol/deployments.ts'

/** Fails to compile unless every `From` is a `To`. */
type Fits<From extends To, To> = From
/** What the SDK sends as headers is no part of the body; bounds are an object in the library. */
type Body<T> = Omit<T, 'betas' | 'workspace_id' | `created_at[${string}]`>
/** The SDK's type allows a redacted block in a message, which the API answers with a 400. */
type Sendable<E> = E extends { content: (infer B)[] }
  ? Omit<E, 'content'> & { content: Exclude<B, { type: 'redacted' }>[] }
  : E
type Events = Sendable<SdkCreate['initial_events'][number]>[]

export type Outputs = [
  Fits<Deployment, BetaManagedAgentsDeployment>,
  Fits<DeploymentRun, BetaManagedAgentsDeploymentRun>,
]

export type Inputs = [
  Fits<Omit<Body<SdkCreate>, 'initial_events'> & { initial_events: Events }, DeploymentCreateParams>,
  Fits<Omit<Body<SdkUpdate>, 'initial_events'> & { initial_events?: Events }, DeploymentUpdateParams>,
  Fits<Body<SdkList>, DeploymentListParams>,
  Fits<Body<SdkRunList>, DeploymentRunListParams>,
]

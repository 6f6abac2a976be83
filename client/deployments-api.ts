import type {
  Deployment,
  DeploymentCreateParams,
  DeploymentListParams,
  DeploymentRun,
  DeploymentRunListParams,
  DeploymentUpdateParams,
} from '../protocol/deployments.ts'
import type { Page } from '../protocol/pagination.ts'

/** Deployments, as the official SDK's `client.beta.deployments`. Source: spec §21. */
export interface DeploymentsApi {
  /**
   * Checks that a session could be made as things are now.
   * @throws ApiError 4xx that names the field
   */
  create(params: DeploymentCreateParams): Promise<Deployment>
  retrieve(deploymentId: string): Promise<Deployment>
  /** What is left out stays. Sessions that were made are not touched. */
  update(deploymentId: string, params: DeploymentUpdateParams): Promise<Deployment>
  list(params?: DeploymentListParams): Promise<Page<Deployment>>
  /** For good: its clock stops, nobody can run it, its tokens are gone. */
  archive(deploymentId: string): Promise<Deployment>
  /** No runs by the clock; those on demand are allowed. */
  pause(deploymentId: string): Promise<Deployment>
  /** The clock goes from now on: times of the pause are not made up for. */
  unpause(deploymentId: string): Promise<Deployment>
  /**
   * Makes a session now. One that cannot be made is a run with an error.
   * @param options.idempotencyKey the same key gives the same run, however often a crashed caller repeats it
   */
  run(deploymentId: string, options?: { idempotencyKey?: string }): Promise<DeploymentRun>
}

/** What deployments have made, as the official SDK's `client.beta.deploymentRuns`. Source: spec §21.3. */
export interface DeploymentRunsApi {
  retrieve(deploymentRunId: string): Promise<DeploymentRun>
  /** Newest first. */
  list(params?: DeploymentRunListParams): Promise<Page<DeploymentRun>>
}

import {
  deploymentCreateParams,
  deploymentListParams,
  deploymentRunListParams,
  deploymentUpdateParams,
} from '../../../protocol/deployments.ts'
import { deployment, deploymentRun } from '../objects/deployments.ts'
import { json, type Operation, page } from '../operation.ts'

const one = '/v1/deployments/{id}'

/** Source: spec §21. */
export const deploymentOperations: Operation[] = [
  {
    id: 'deployments.create',
    method: 'POST',
    path: '/v1/deployments',
    summary: 'Creates a deployment: what sessions are made of, by the clock or on demand',
    body: deploymentCreateParams,
    answer: json(deployment),
  },
  {
    id: 'deployments.list',
    method: 'GET',
    path: '/v1/deployments',
    summary: 'Lists deployments, newest first',
    query: deploymentListParams,
    answer: page(deployment),
  },
  { id: 'deployments.retrieve', method: 'GET', path: one, summary: 'A deployment', answer: json(deployment) },
  {
    id: 'deployments.update',
    method: 'POST',
    path: one,
    summary: 'Changes a deployment; sessions that were made stay as they are',
    body: deploymentUpdateParams,
    answer: json(deployment),
  },
  {
    id: 'deployments.archive',
    method: 'POST',
    path: `${one}/archive`,
    summary: 'Archives a deployment for good',
    answer: json(deployment),
  },
  {
    id: 'deployments.pause',
    method: 'POST',
    path: `${one}/pause`,
    summary: 'Stops the clock of a deployment; it can still be run on demand',
    answer: json(deployment),
  },
  {
    id: 'deployments.unpause',
    method: 'POST',
    path: `${one}/unpause`,
    summary: 'Lets the clock of a deployment go on from now',
    answer: json(deployment),
  },
  {
    id: 'deployments.run',
    method: 'POST',
    path: `${one}/run`,
    summary: 'Runs a deployment now',
    idempotent: true,
    answer: json(deploymentRun),
  },
  {
    id: 'deploymentRuns.list',
    method: 'GET',
    path: '/v1/deployment_runs',
    summary: 'Lists the runs of deployments, newest first',
    query: deploymentRunListParams,
    answer: page(deploymentRun),
  },
  {
    id: 'deploymentRuns.retrieve',
    method: 'GET',
    path: '/v1/deployment_runs/{id}',
    summary: 'A run of a deployment',
    answer: json(deploymentRun),
  },
]

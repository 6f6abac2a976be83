import {
  environmentCreateParams,
  environmentListParams,
  environmentUpdateParams,
} from '../../../protocol/environments.ts'
import { environment } from '../objects/environments.ts'
import { deleted, json, type Operation, page } from '../operation.ts'

/** Source: spec §4. */
export const environmentOperations: Operation[] = [
  {
    id: 'environments.create',
    method: 'POST',
    path: '/v1/environments',
    summary: 'Creates an environment',
    body: environmentCreateParams,
    answer: json(environment),
  },
  {
    id: 'environments.list',
    method: 'GET',
    path: '/v1/environments',
    summary: 'Lists environments, newest first',
    query: environmentListParams,
    answer: page(environment),
  },
  {
    id: 'environments.retrieve',
    method: 'GET',
    path: '/v1/environments/{id}',
    summary: 'An environment',
    answer: json(environment),
  },
  {
    id: 'environments.update',
    method: 'POST',
    path: '/v1/environments/{id}',
    summary: 'Changes an environment',
    body: environmentUpdateParams,
    answer: json(environment),
  },
  {
    id: 'environments.delete',
    method: 'DELETE',
    path: '/v1/environments/{id}',
    summary: 'Deletes an environment that no session uses',
    answer: deleted('environment_deleted'),
  },
  {
    id: 'environments.archive',
    method: 'POST',
    path: '/v1/environments/{id}/archive',
    summary: 'Archives an environment for good',
    answer: json(environment),
  },
]

import { z } from 'zod'
import { fileResourceParams, resourceListParams, resourceUpdateParams } from '../../../protocol/sessions.ts'
import { fileResource, repositoryResource, sessionResource } from '../objects/sessions.ts'
import { deleted, json, type Operation, page } from '../operation.ts'

const all = '/v1/sessions/{id}/resources'
const one = `${all}/{resource}`

/** Source: spec §12.3. */
export const sessionResourceOperations: Operation[] = [
  {
    id: 'sessions.resources.add',
    method: 'POST',
    path: all,
    summary: 'Adds a file to a session, also while it runs',
    body: fileResourceParams,
    answer: json(fileResource),
  },
  {
    id: 'sessions.resources.list',
    method: 'GET',
    path: all,
    summary: 'Lists the resources of a session',
    query: resourceListParams,
    answer: page(sessionResource),
  },
  {
    id: 'sessions.resources.retrieve',
    method: 'GET',
    path: one,
    summary: 'A resource of a session',
    answer: json(z.discriminatedUnion('type', [fileResource, repositoryResource])),
  },
  {
    id: 'sessions.resources.update',
    method: 'POST',
    path: one,
    summary: 'Replaces the token of a repository',
    body: resourceUpdateParams,
    answer: json(repositoryResource),
  },
  {
    id: 'sessions.resources.delete',
    method: 'DELETE',
    path: one,
    summary: 'Takes a file away from a session',
    answer: deleted('session_resource_deleted'),
  },
]

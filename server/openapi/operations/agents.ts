import { z } from 'zod'
import {
  agentCreateParams,
  agentListParams,
  agentUpdateParams,
  agentVersionListParams,
} from '../../../protocol/agents.ts'
import { agent } from '../objects/agents.ts'
import { json, type Operation, page } from '../operation.ts'

/** Source: spec §3. */
export const agentOperations: Operation[] = [
  {
    id: 'agents.create',
    method: 'POST',
    path: '/v1/agents',
    summary: 'Creates an agent',
    body: agentCreateParams,
    answer: json(agent),
  },
  {
    id: 'agents.list',
    method: 'GET',
    path: '/v1/agents',
    summary: 'Lists agents, newest first',
    query: agentListParams,
    answer: page(agent),
  },
  {
    id: 'agents.retrieve',
    method: 'GET',
    path: '/v1/agents/{id}',
    summary: 'The newest version of an agent, or the given one',
    query: z.object({ version: z.int().min(1).optional() }),
    answer: json(agent),
  },
  {
    id: 'agents.update',
    method: 'POST',
    path: '/v1/agents/{id}',
    summary: 'Makes a new version of an agent',
    body: agentUpdateParams,
    answer: json(agent),
  },
  {
    id: 'agents.archive',
    method: 'POST',
    path: '/v1/agents/{id}/archive',
    summary: 'Archives an agent for good',
    answer: json(agent),
  },
  {
    id: 'agents.versions.list',
    method: 'GET',
    path: '/v1/agents/{id}/versions',
    summary: 'Lists the versions of an agent, newest first',
    query: agentVersionListParams,
    answer: page(agent),
  },
]

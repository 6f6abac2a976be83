import { z } from 'zod'
import { type Agent, agentListParams, agentVersionListParams, createAgent, updateAgent } from '../protocol/agents.ts'
import { conflict, notFound } from '../protocol/errors.ts'
import { decodePage, encodePage } from '../protocol/pagination.ts'
import { parse } from '../protocol/parse.ts'
import { refuseSearch } from '../protocol/unsupported.ts'
import type { Records } from '../store/records.ts'
import type { AgentsApi } from './api.ts'
import type { DeploymentClocks } from './deployment-clocks.ts'
import { pageAt, pageOf } from './pages.ts'
import { checkSkills, withSkillVersions } from './skill-references.ts'

interface AgentsApiOptions {
  /** There is a provider for `web_search`. @default false */
  webSearch?: boolean
  /** Those of the deployments of agents. */
  clocks?: Pick<DeploymentClocks, 'stop'>
}

export function createAgentsApi(records: Records, { webSearch = false, clocks }: AgentsApiOptions = {}): AgentsApi {
  const { agents, deployments } = records

  async function find(id: string, version?: number): Promise<Agent> {
    const agent = await agents.get(id, version)
    if (!agent) throw notFound('agent', version === undefined ? id : `${id} version ${version}`)
    return agent
  }

  return {
    async create(input) {
      const agent = createAgent(await withSkillVersions(records, input), new Date().toISOString())
      await checkSkills(records, agent.skills, 'skills')
      if (!webSearch) refuseSearch(agent)
      await agents.insert(agent)
      return agent
    },

    async retrieve(agentId, params = {}) {
      const { version } = parse(z.strictObject({ version: z.int().min(1).optional() }), params)
      return find(agentId, version)
    },

    async update(agentId, input) {
      // Without a version the last write wins: a change that came in between is the new base.
      for (let tries = 0; ; tries++) {
        const agent = await find(agentId)
        const changed = updateAgent(agent, await withSkillVersions(records, input), new Date().toISOString())
        // Those that it had may be gone by now: that keeps nobody from changing something else.
        if (changed !== agent && input.skills) await checkSkills(records, changed.skills, 'skills')
        if (!webSearch && changed !== agent) refuseSearch(changed)
        if (changed === agent || (await agents.update(changed, agent.version))) return changed
        if (tries === 20)
          throw conflict(`agent ${agentId} is being changed by others: try again`, { shouldRetry: true })
      }
    },

    async list(input = {}) {
      const params = parse(agentListParams, input)
      const { rows, more } = await agents.list({
        limit: params.limit,
        ...pageAt('agents', params.page),
        createdAt: params.created_at,
        includeArchived: params.include_archived ?? false,
      })
      return pageOf('agents', rows, more)
    },

    async archive(agentId) {
      const going = await deployments.liveOf(agentId)
      const agent = await agents.archive(agentId, new Date().toISOString())
      if (!agent) throw notFound('agent', agentId)
      for (const { id, clock } of going) await clocks?.stop(id, clock)
      return agent
    },

    versions: {
      async list(agentId, input = {}) {
        const params = parse(agentVersionListParams, input)
        await find(agentId)
        const list = `agent_versions/${agentId}`
        const cursor = params.page && decodePage(list, params.page, { version: z.int() })
        const { rows, more } = await agents.versions(agentId, {
          limit: params.limit,
          ...(cursor && { after: cursor.version }),
        })
        const last = rows.at(-1)
        return { data: rows, next_page: more && last ? encodePage(list, { version: last.version }) : null }
      },
    },
  }
}

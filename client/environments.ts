import {
  createEnvironment,
  type Environment,
  environmentListParams,
  updateEnvironment,
} from '../protocol/environments.ts'
import { conflict, notFound } from '../protocol/errors.ts'
import { parse } from '../protocol/parse.ts'
import type { Records } from '../store/records.ts'
import type { EnvironmentsApi } from './api.ts'
import { pageAt, pageOf } from './pages.ts'

export function createEnvironmentsApi({ environments, sessions }: Records): EnvironmentsApi {
  async function find(id: string): Promise<Environment> {
    const environment = await environments.get(id)
    if (!environment) throw notFound('environment', id)
    return environment
  }

  return {
    async create(input) {
      const environment = createEnvironment(input, new Date().toISOString())
      await environments.insert(environment)
      return environment
    },

    retrieve: find,

    async update(environmentId, input) {
      const environment = await find(environmentId)
      const changed = updateEnvironment(environment, input, new Date().toISOString())
      if (changed !== environment) await environments.update(changed)
      return changed
    },

    async list(input = {}) {
      const params = parse(environmentListParams, input)
      const { rows, more } = await environments.list({
        limit: params.limit,
        ...pageAt('environments', params.page),
        includeArchived: params.include_archived ?? false,
      })
      return pageOf('environments', rows, more)
    },

    async archive(environmentId) {
      const environment = await find(environmentId)
      if (environment.archived_at) return environment
      const now = new Date().toISOString()
      const archived = { ...environment, archived_at: now, updated_at: now }
      await environments.update(archived)
      return archived
    },

    async delete(environmentId) {
      await find(environmentId)
      const used = await sessions.countByEnvironment(environmentId)
      if (used > 0) {
        throw conflict(
          `environment ${environmentId} is used by ${used} session${used === 1 ? '' : 's'}: archive or delete them first`,
        )
      }
      await environments.delete(environmentId)
      return { id: environmentId, type: 'environment_deleted' }
    },
  }
}

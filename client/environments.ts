import {
  createEnvironment,
  type Environment,
  environmentListParams,
  updateEnvironment,
} from '../protocol/environments.ts'
import { conflict, environmentNotFound } from '../protocol/errors.ts'
import { parse } from '../protocol/parse.ts'
import type { Records } from '../store/records.ts'
import type { EnvironmentsApi } from './api.ts'
import { pageAt, pageOf } from './pages.ts'

export function createEnvironmentsApi({ environments, sessions }: Records): EnvironmentsApi {
  async function find(id: string): Promise<Environment> {
    const environment = await environments.get(id)
    if (!environment) throw environmentNotFound(id)
    return environment
  }

  /** Stores what `next` makes of the environment; what somebody else changed in between is the new base. */
  async function change(id: string, next: (environment: Environment) => Environment): Promise<Environment> {
    for (let tries = 0; tries < 20; tries++) {
      const environment = await find(id)
      const changed = next(environment)
      if (changed === environment || (await environments.update(changed, environment))) return changed
    }
    throw conflict(`environment ${id} is being changed by others: try again`, { shouldRetry: true })
  }

  return {
    async create(input) {
      const environment = createEnvironment(input, new Date().toISOString())
      await environments.insert(environment)
      return environment
    },

    retrieve: find,

    update: (environmentId, input) =>
      change(environmentId, (environment) => updateEnvironment(environment, input, new Date().toISOString())),

    async list(input = {}) {
      const params = parse(environmentListParams, input)
      const { rows, more } = await environments.list({
        limit: params.limit,
        ...pageAt('environments', params.page),
        includeArchived: params.include_archived ?? false,
      })
      return pageOf('environments', rows, more)
    },

    archive: (environmentId) =>
      change(environmentId, (environment) => {
        if (environment.archived_at) return environment
        const now = new Date().toISOString()
        return { ...environment, archived_at: now, updated_at: now }
      }),

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

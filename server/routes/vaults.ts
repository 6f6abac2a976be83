import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { HoldfastApi } from '../../client/api.ts'
import { invalidRequest } from '../../protocol/errors.ts'
import { readQuery } from '../query.ts'
import { bodyOf, type IdRoute } from '../request.ts'

interface CredentialRoute {
  Params: { id: string; credentialId: string }
}

const page = { limit: 'number', page: 'text', include_archived: 'boolean' } as const

export function vaultRoutes(app: FastifyInstance, { vaults }: HoldfastApi): void {
  app.post('/vaults', (request) => vaults.create(bodyOf(request)))
  app.get('/vaults', (request) => vaults.list(readQuery(request, page)))
  app.get<IdRoute>('/vaults/:id', (request) => vaults.retrieve(request.params.id))
  app.post<IdRoute>('/vaults/:id', (request) => vaults.update(request.params.id, bodyOf(request)))
  app.delete<IdRoute>('/vaults/:id', (request) => vaults.delete(request.params.id))
  app.post<IdRoute>('/vaults/:id/archive', (request) => vaults.archive(request.params.id))

  const one = '/vaults/:id/credentials/:credentialId'
  app.post<IdRoute>('/vaults/:id/credentials', (request) =>
    vaults.credentials.create(request.params.id, bodyOf(request)),
  )
  app.get<IdRoute>('/vaults/:id/credentials', (request) =>
    vaults.credentials.list(request.params.id, readQuery(request, page)),
  )
  app.get<CredentialRoute>(one, ({ params }) =>
    vaults.credentials.retrieve(params.credentialId, { vault_id: params.id }),
  )
  app.post<CredentialRoute>(one, (request) => {
    const { id, credentialId } = request.params
    return vaults.credentials.update(credentialId, { ...changesOf(request), vault_id: id })
  })
  app.delete<CredentialRoute>(one, ({ params }) =>
    vaults.credentials.delete(params.credentialId, { vault_id: params.id }),
  )
  app.post<CredentialRoute>(`${one}/archive`, ({ params }) =>
    vaults.credentials.archive(params.credentialId, { vault_id: params.id }),
  )
  app.post<CredentialRoute>(`${one}/mcp_oauth_validate`, ({ params }) =>
    vaults.credentials.mcpOAuthValidate(params.credentialId, { vault_id: params.id }),
  )
}

/** The body; the vault is named by the path alone. */
function changesOf(request: FastifyRequest): object {
  const body = bodyOf<unknown>(request)
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalidRequest('the body must be a JSON object')
  }
  if ('vault_id' in body) throw invalidRequest('vault_id: stands in the path')
  return body
}

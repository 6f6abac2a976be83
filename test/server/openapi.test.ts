import { describe, expect, it } from 'vitest'
import type { HoldfastApi } from '../../client/api.ts'
import { createApp } from '../../server/app.ts'
import { defaultLimits } from '../../server/limits.ts'
import { openApiDocument } from '../../server/openapi/document.ts'
import { operations } from '../../server/openapi/operations/all.ts'
import { ask, serve } from './serving.ts'

/** What no client of the API calls. */
const ours = ['GET /health', 'GET /openapi.json']

/** Method and path of every route, as the document writes them. Heads come with their GET. */
async function routes(): Promise<string[]> {
  const seen: string[] = []
  // Every resource is there, also those that are made of nothing.
  const api = new Proxy({}, { get: () => new Proxy({}, { get: () => undefined }) }) as HoldfastApi
  const onRoute = ({ method, path }: { method: string; path: string }) => {
    if (method !== 'HEAD') seen.push(`${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  }
  const app = createApp({ api, apiKeys: [], limits: defaultLimits, log: () => {}, onRoute })
  await app.ready()
  await app.close()
  return seen.filter((route) => !ours.includes(route)).sort()
}

describe('the OpenAPI document', () => {
  it('has an entry for every route, and none without one', async () => {
    const documented = operations.map(({ method, path }) => `${method} ${path}`)
    // An older verb of an endpoint that is described with its newer one. Source: spec §0.2.
    const older = ['PATCH /v1/memory_stores/{id}/memories/{memory}']
    expect([...documented, ...older].toSorted()).toEqual(await routes())
  })

  it('is given out by the server, to anybody', async () => {
    const { url } = await serve({}, { apiKeys: ['secret-key'] })
    const { status, body } = await ask(`${url}/openapi.json`)
    expect(status).toBe(200)
    expect(body).toEqual(openApiDocument())
    expect(body.openapi).toMatch(/^3\.1\./)
  })

  it('names every operation once, as the SDK does', () => {
    const names = operations.map(({ id }) => id)
    expect(new Set(names).size).toBe(names.length)
  })

  it('refers only to what is in it', () => {
    const document = openApiDocument()
    const text = JSON.stringify(document)
    const references = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference!)
    expect(references.length).toBeGreaterThan(20)
    for (const reference of references) {
      const [, , , name] = reference.split('/')
      expect(reference).toBe(`#/components/schemas/${name}`)
      expect(Object.keys(document.components.schemas)).toContain(name)
    }
  })

  it('has the parameters of paths and queries in the form in which they are sent', () => {
    const list = openApiDocument().paths['/v1/sessions/{id}/events']!.get as { parameters: { name: string }[] }
    const names = list.parameters.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['id', 'limit', 'page', 'order', 'types[]', 'created_at[gte]']))
  })

  it('says which fields a body must have', () => {
    const { requestBody } = openApiDocument().paths['/v1/agents']!.post as {
      requestBody: { content: Record<string, { schema: { required: string[] } }> }
    }
    expect(requestBody.content['application/json']!.schema.required).toEqual(['name', 'model'])
  })
})

import type Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
const key = 'first-key-of-the-tests'
beforeAll(async () => {
  host = await startTestHost({ env: { HOLDFAST_API_KEYS: key } })
})
afterAll(() => host?.remove())

describe('changes by the API', () => {
  it('are ascribed to the key that made them, by an id that is not the key', async () => {
    const stores = host.client.beta.memoryStores
    const { id: memory_store_id } = await stores.create({ name: 's' })
    const memory = await stores.memories.create(memory_store_id, { path: '/a', content: 'one' })
    await stores.memories.update(memory.id, { memory_store_id, content: 'two' })
    const redacted = await stores.memoryVersions.redact(memory.memory_version_id, { memory_store_id })
    await stores.memories.delete(memory.id, { memory_store_id })
    const actor = { type: 'api_actor', api_key_id: expect.stringMatching(/^apikey_[0-9A-Za-z]{22}$/) }
    expect(redacted).toMatchObject({ created_by: actor, redacted_by: actor })
    expect(JSON.stringify(redacted)).not.toContain(key)
    const { api_key_id } = redacted.created_by as Anthropic.Beta.MemoryStores.BetaManagedAgentsAPIActor
    expect((await stores.memoryVersions.list(memory_store_id, { api_key_id })).data).toHaveLength(3)
    expect((await stores.memoryVersions.list(memory_store_id, { api_key_id: 'apikey_other' })).data).toEqual([])
  })
})

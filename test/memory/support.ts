import type Anthropic from '@anthropic-ai/sdk'
import type { TestHost } from '../support/host.ts'

type StoreParams = Partial<Anthropic.Beta.MemoryStoreCreateParams>

/** A store, by default named Notes, with these contents by path. */
export async function newStore({ client }: TestHost, fields: StoreParams = {}, contents: Record<string, string> = {}) {
  const store = await client.beta.memoryStores.create({ name: 'Notes', ...fields })
  for (const [path, content] of Object.entries(contents)) {
    await client.beta.memoryStores.memories.create(store.id, { path, content })
  }
  return store
}

/** A session of the library, which takes what the SDK's types do not have. */
export function attach({ holdfast, agent, environment }: TestHost, stores: object[]) {
  const resources = stores.map((store) => ({ type: 'memory_store', ...store }))
  return holdfast.sessions.create({ agent, environment_id: environment, resources: resources as never })
}

/** A session that may write to the store. */
export const sessionWith = (host: TestHost, storeId: string) => attach(host, [{ memory_store_id: storeId }])

/** What the store holds, by path. */
export async function contentsOf({ client }: TestHost, storeId: string): Promise<Record<string, string>> {
  const contents: Record<string, string> = {}
  for await (const memory of client.beta.memoryStores.memories.list(storeId, { view: 'full' })) {
    if (memory.type === 'memory') contents[memory.path] = memory.content!
  }
  return contents
}

/** The versions of the store, newest first. */
export async function versionsOf(
  { client }: TestHost,
  storeId: string,
  params: Anthropic.Beta.MemoryStores.MemoryVersionListParams = {},
) {
  const versions = []
  for await (const version of client.beta.memoryStores.memoryVersions.list(storeId, params)) versions.push(version)
  return versions
}

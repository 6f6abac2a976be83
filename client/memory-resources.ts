import { invalidRequest } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import { memoryFolder } from '../protocol/memory-slug.ts'
import { memoryStoreArchived } from '../protocol/memory-stores.ts'
import type { MemoryStoreResource, ResourceParams } from '../protocol/sessions.ts'
import type { Records } from '../store/records.ts'

/**
 * The memory stores among the resources of a new session, as the session shows them: name and description are those of
 * this moment. Source: spec §12.1, §12.2.
 * @throws ApiError 400 that names the entry
 */
export async function attachMemoryStores(
  { memoryStores }: Records,
  params: ResourceParams[],
): Promise<MemoryStoreResource[]> {
  const attached: MemoryStoreResource[] = []
  for (const [index, resource] of params.entries()) {
    if (resource.type !== 'memory_store') continue
    const where = `resources.${index}`
    const { memory_store_id: id, instructions, prompt } = resource
    if (attached.length === limits.memoryStoresPerSession) {
      throw invalidRequest(`resources: at most ${limits.memoryStoresPerSession} memory stores per session`)
    }
    if (instructions != null && prompt != null && instructions !== prompt) {
      throw invalidRequest(`${where}: instructions and prompt are two names of one text and differ`)
    }
    if (attached.some((other) => other.memory_store_id === id)) {
      throw invalidRequest(`${where}.memory_store_id: ${id} is attached twice`)
    }
    const store = await memoryStores.get(id)
    if (!store) {
      throw invalidRequest(`${where}.memory_store_id: memory store ${id} was not found`, {
        code: 'memory_store_not_found',
      })
    }
    if (store.archived_at) throw memoryStoreArchived(id, `${where}.memory_store_id: `)
    attached.push({
      type: 'memory_store',
      memory_store_id: id,
      access: resource.access ?? 'read_write',
      instructions: instructions ?? prompt ?? null,
      name: store.name,
      description: store.description,
      mount_path: memoryFolder(store.name, new Set(attached.map((other) => other.mount_path))),
    })
  }
  return attached
}

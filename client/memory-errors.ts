import { ApiError, invalidRequest, notFound } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import { memoryStoreArchived } from '../protocol/memory-stores.ts'
import type { MemoryRefusal } from '../store/memory-records.ts'

/** A refused write as the API says it. Source: spec §17.3; the status of a full store is not stated. */
export function memoryError(refusal: MemoryRefusal, storeId: string, memoryId = ''): ApiError {
  switch (refusal.outcome) {
    case 'no_store':
      return notFound('memory store', storeId)
    case 'no_memory':
      return notFound('memory', memoryId)
    case 'store_archived':
      return memoryStoreArchived(storeId)
    case 'store_full':
      return invalidRequest(`memory store ${storeId} is full: it holds ${limits.memoriesPerStore} memories`, {
        code: 'memory_store_full',
      })
    case 'precondition_failed':
      return new ApiError(
        409,
        'memory_precondition_failed_error',
        `memory ${memoryId} has another content than expected: retrieve it and try again`,
      )
    case 'path_conflict':
      return new ApiError(409, 'memory_path_conflict_error', `path: in the way is the memory at ${refusal.path}`, {
        fields: { conflicting_path: refusal.path, conflicting_memory_id: refusal.memoryId },
      })
  }
}

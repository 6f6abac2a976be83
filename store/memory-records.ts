import type { Memory } from '../protocol/memories.ts'
import type { MemoryStore } from '../protocol/memory-stores.ts'
import type { MemoryActor, MemoryOperation, MemoryVersion } from '../protocol/memory-versions.ts'
import type { ListQuery, Rows } from './records.ts'

/** Memory stores. */
export interface MemoryStoreRecords {
  insert(store: MemoryStore): Promise<void>
  get(id: string): Promise<MemoryStore | undefined>
  /** Stores a change that was made from `before`. Returns false, and changes nothing, when that is not the newest state. */
  update(store: MemoryStore, before: MemoryStore): Promise<boolean>
  /** Also deletes its memories and their versions. */
  delete(id: string): Promise<boolean>
  list(query: ListQuery): Promise<Rows<MemoryStore>>
  /**
   * How often the memories of these stores have changed: who knows the number knows whether to look again. A store that
   * does not exist has none.
   */
  changes(ids: string[]): Promise<Map<string, number>>
}

/** A memory with its content. */
export type MemoryRecord = Memory & { content: string }

/** What a synchronisation compares: a memory without its content. */
export interface MemoryHead {
  id: string
  path: string
  sha256: string
  versionId: string
}

/** Why a memory was not written; nothing was changed then. */
export type MemoryRefusal =
  | { outcome: 'no_store' | 'store_archived' | 'no_memory' | 'precondition_failed' | 'store_full' }
  | { outcome: 'path_conflict'; path: string; memoryId: string }

/** `changed` is false when the memory already was what was asked for: then there is no new version. */
export type MemoryWritten = { outcome: 'written'; memory: MemoryRecord; changed: boolean } | MemoryRefusal

export interface MemoryAuthor {
  actor: MemoryActor | null
  /** Time of the change, RFC 3339. */
  now: string
}

export interface MemoryRecords {
  get(storeId: string, id: string): Promise<MemoryRecord | undefined>
  /** The known ones among these ids. */
  getMany(storeId: string, ids: string[]): Promise<MemoryRecord[]>
  /** Of a store, by path in the order of bytes: all, or so many of them behind a path. */
  heads(storeId: string, page?: { after: string | undefined; limit: number }): Promise<MemoryHead[]>
  /** Paths below `prefix`, from `from` on (not before it, or behind it), in the order of bytes. */
  paths(
    storeId: string,
    query: { prefix: string; from?: { path: string; inclusive: boolean } },
  ): Promise<{ id: string; path: string }[]>

  /** Every write is one transaction: the memory and its version. */
  create(storeId: string, memory: { path: string; content: string }, author: MemoryAuthor): Promise<MemoryWritten>
  /** @param change.expectedSha256 the hash that the content must have, unless all is already as asked for */
  update(
    storeId: string,
    id: string,
    change: { path?: string; content?: string; expectedSha256?: string },
    author: MemoryAuthor,
  ): Promise<MemoryWritten>
  /**
   * Also in an archived store.
   * @param expected what the memory must still be
   */
  delete(
    storeId: string,
    id: string,
    expected: { sha256?: string },
    author: MemoryAuthor,
  ): Promise<{ outcome: 'deleted' } | MemoryRefusal>

  /**
   * Writes the memories at these paths, whatever is there, one after the other in one transaction. Each has its own
   * outcome: one that is refused stops no other.
   * @param memories.origin names a write: the second time it changes nothing and says what the first one made
   */
  putMany(
    storeId: string,
    memories: { path: string; content: string; origin: string }[],
    author: MemoryAuthor,
  ): Promise<({ outcome: 'written'; memoryId: string; versionId: string } | MemoryRefusal)[]>
  /** Likewise removes memories, of a store that is not archived, as far as they still have these versions. */
  deleteMany(
    storeId: string,
    memories: { id: string; versionId: string }[],
    author: MemoryAuthor,
  ): Promise<({ outcome: 'deleted' } | MemoryRefusal)[]>
}

export interface VersionQuery {
  limit: number
  /** Number of the version behind which the list goes on. */
  after?: number
  memoryId?: string
  operation?: MemoryOperation
  sessionId?: string
  apiKeyId?: string
  serviceAccountId?: string
  createdAt?: { gte?: string; lte?: string }
  /** Whether the content is wanted. */
  withContent: boolean
}

/** A version and its number in the store: they count upwards. */
export interface NumberedVersion {
  number: number
  version: MemoryVersion
}

export interface MemoryVersionRecords {
  get(storeId: string, id: string): Promise<MemoryVersion | undefined>
  /** Newest first. */
  list(storeId: string, query: VersionQuery): Promise<Rows<NumberedVersion>>
  /** Removes what a version says. `head`: refused, because a memory has it now. */
  redact(storeId: string, id: string, by: MemoryAuthor): Promise<MemoryVersion | 'head' | undefined>
}

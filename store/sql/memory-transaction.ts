import type { Kysely, Selectable } from 'kysely'
import { newId } from '../../protocol/ids.ts'
import { limits } from '../../protocol/limits.ts'
import { contentSha256 } from '../../protocol/memories.ts'
import { ancestorsOf, behindPrefix } from '../../protocol/memory-path.ts'
import type { MemoryActor, MemoryOperation } from '../../protocol/memory-versions.ts'
import type { MemoryAuthor, MemoryRecord, MemoryRefusal } from '../memory-records.ts'
import type { MemorySchema } from './memory-tables.ts'
import type { Schema } from './schema.ts'

type Row = Selectable<MemorySchema['memories']>

export const readMemory = (row: Row): MemoryRecord => ({
  id: row.id,
  type: 'memory',
  memory_store_id: row.store_id,
  path: row.path,
  content: JSON.parse(row.content) as string,
  content_sha256: row.sha256,
  content_size_bytes: Number(row.size),
  memory_version_id: row.version_id,
  created_at: row.created_at,
  updated_at: row.updated_at,
})

/** Ends a transaction that a rule stopped. */
export class Refused extends Error {
  readonly refusal: MemoryRefusal

  constructor(refusal: MemoryRefusal) {
    super(refusal.outcome)
    this.refusal = refusal
  }
}

/** The changes of one store within a transaction. */
export class MemoryTransaction {
  readonly #transaction: Kysely<Schema>
  readonly #storeId: string
  #changes: number
  /** Once it was asked for. */
  #count: number | undefined

  constructor(transaction: Kysely<Schema>, storeId: string, changes: number) {
    this.#transaction = transaction
    this.#storeId = storeId
    this.#changes = changes
  }

  async byId(id: string): Promise<MemoryRecord | undefined> {
    const row = await this.#memories().selectAll().where('id', '=', id).executeTakeFirst()
    return row && readMemory(row)
  }

  async byPath(path: string): Promise<MemoryRecord | undefined> {
    const row = await this.#memories().selectAll().where('path', '=', path).executeTakeFirst()
    return row && readMemory(row)
  }

  /** The version that the write of this name has made. */
  async madeBy(origin: string): Promise<{ memoryId: string; versionId: string } | undefined> {
    const row = await this.#transaction
      .selectFrom('memory_versions')
      .select(['id', 'memory_id'])
      .where('origin', '=', origin)
      .executeTakeFirst()
    return row && { memoryId: row.memory_id, versionId: row.id }
  }

  async insert(path: string, content: string, author: MemoryAuthor, origin?: string): Promise<MemoryRecord> {
    await this.#refuseConflict(path)
    this.#count ??= await this.#countAll()
    if (this.#count >= limits.memoriesPerStore) throw new Refused({ outcome: 'store_full' })
    const row = this.#row({ id: newId('memory'), path, content, createdAt: author.now }, author)
    await this.#transaction.insertInto('memories').values(row).execute()
    this.#count++
    await this.#note(row, 'created', author, origin)
    return readMemory(row)
  }

  async change(
    before: MemoryRecord,
    { path, content }: { path: string; content: string },
    author: MemoryAuthor,
    origin?: string,
  ): Promise<MemoryRecord> {
    if (path !== before.path) await this.#refuseConflict(path, before.id)
    const row = this.#row({ id: before.id, path, content, createdAt: before.created_at }, author)
    await this.#transaction.updateTable('memories').set(row).where('id', '=', before.id).execute()
    await this.#note(row, 'modified', author, origin)
    return readMemory(row)
  }

  async remove(before: MemoryRecord, author: MemoryAuthor): Promise<void> {
    await this.#transaction.deleteFrom('memories').where('id', '=', before.id).execute()
    this.#count = undefined
    const gone = { id: before.id, version_id: newId('memoryVersion'), path: before.path }
    await this.#note({ ...gone, content: null, sha256: null, size: null }, 'deleted', author)
  }

  async #countAll(): Promise<number> {
    const { count } = await this.#memories()
      .select((row) => row.fn.countAll().as('count'))
      .executeTakeFirstOrThrow()
    return Number(count)
  }

  #memories() {
    return this.#transaction.selectFrom('memories').where('store_id', '=', this.#storeId)
  }

  #row(memory: { id: string; path: string; content: string; createdAt: string }, { now }: MemoryAuthor): Row {
    return {
      id: memory.id,
      store_id: this.#storeId,
      path: memory.path,
      content: JSON.stringify(memory.content),
      sha256: contentSha256(memory.content),
      size: Buffer.byteLength(memory.content),
      version_id: newId('memoryVersion'),
      created_at: memory.createdAt,
      updated_at: now,
    }
  }

  /** A path must be free, and none may lie above another. Source: spec §17.2. */
  async #refuseConflict(path: string, except?: string): Promise<void> {
    const others = this.#memories()
      .select(['id', 'path'])
      .where('id', '!=', except ?? '')
      .orderBy('path')
    // Two questions: for both in one, SQLite reads all paths of the store.
    const conflict =
      (await others.where('path', 'in', [path, ...ancestorsOf(path)]).executeTakeFirst()) ??
      (await others
        .where('path', '>=', `${path}/`)
        .where('path', '<', behindPrefix(`${path}/`))
        .executeTakeFirst())
    if (conflict) throw new Refused({ outcome: 'path_conflict', path: conflict.path, memoryId: conflict.id })
  }

  async #note(
    memory: Pick<Row, 'id' | 'version_id'> & { [K in 'path' | 'content' | 'sha256']: string | null } & {
      size: number | null
    },
    operation: MemoryOperation,
    { actor, now }: MemoryAuthor,
    origin?: string,
  ): Promise<void> {
    this.#changes++
    await this.#transaction
      .updateTable('memory_stores')
      .set({ changes: this.#changes })
      .where('id', '=', this.#storeId)
      .execute()
    await this.#transaction
      .insertInto('memory_versions')
      .values({
        id: memory.version_id,
        store_id: this.#storeId,
        number: this.#changes,
        memory_id: memory.id,
        operation,
        path: memory.path,
        content: memory.content,
        sha256: memory.sha256,
        size: memory.size,
        created_at: now,
        created_by: actor && JSON.stringify(actor),
        actor_id: actor && actorId(actor),
        redacted_at: null,
        redacted_by: null,
        origin: origin ?? null,
      })
      .execute()
  }
}

function actorId(actor: MemoryActor): string {
  switch (actor.type) {
    case 'session_actor':
      return actor.session_id
    case 'api_actor':
      return actor.api_key_id
    case 'user_actor':
      return actor.user_id
    case 'service_account_actor':
      return actor.service_account_id
  }
}

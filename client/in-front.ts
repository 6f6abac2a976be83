import type { Connection } from '@temporalio/client'

const taken = new WeakSet<Connection>()

/**
 * Does a write in the rank that Temporal gives calls without a rank, unless another of the connection's has it. The
 * embedded server's connections have a lower one: of the writes that queue for its one shard, which take the ranks in
 * strict order, at most one of a client's goes before those of workers. So events are accepted soon while turns queue,
 * and whoever sends without pause holds no turn up.
 */
export async function inFront<T>(connection: Connection, write: () => Promise<T>): Promise<T> {
  if (taken.has(connection)) return write()
  taken.add(connection)
  try {
    return await connection.withMetadata({ 'caller-type': 'api' }, write)
  } finally {
    taken.delete(connection)
  }
}

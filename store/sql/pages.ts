import type { ExpressionBuilder, ReferenceExpression, SelectQueryBuilder } from 'kysely'
import type { ListQuery, Rows } from '../records.ts'

interface Timed {
  created_at: string
  id: string
}

/**
 * One page of a table by (created_at, id). Asks for one row more than wanted, to know whether others follow.
 * Every table that is listed has an index on these columns, so a page's cost does not depend on where it lies.
 */
export async function page<DB, T extends keyof DB & string, O extends Timed>(
  select: SelectQueryBuilder<DB, T, O>,
  { limit, after, backwards = false, order = 'desc', createdAt }: ListQuery,
): Promise<Rows<O>> {
  const time = 'created_at' as ReferenceExpression<DB, T>
  const id = 'id' as ReferenceExpression<DB, T>
  const ascending = (order === 'asc') !== backwards
  const beyond = ascending ? '>' : '<'
  let query = select
  if (after) {
    const behind = ({ and, or, eb }: ExpressionBuilder<DB, T>) =>
      or([
        eb(time, beyond, after.createdAt as never),
        and([eb(time, '=', after.createdAt as never), eb(id, beyond, after.id as never)]),
      ])
    // The first condition alone lets the index jump to the place.
    query = query.where(time, ascending ? '>=' : '<=', after.createdAt as never).where(behind)
  }
  const bounds = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const
  for (const [bound, operator] of Object.entries(bounds)) {
    const value = createdAt?.[bound as keyof typeof bounds]
    if (value !== undefined) query = query.where(time, operator, new Date(value).toISOString() as never)
  }
  const direction = ascending ? 'asc' : 'desc'
  const rows = await query
    .orderBy('created_at' as never, direction)
    .orderBy('id' as never, direction)
    .limit(limit + 1)
    .execute()
  const wanted = rows.slice(0, limit) as O[]
  return { rows: backwards ? wanted.reverse() : wanted, more: rows.length > limit }
}

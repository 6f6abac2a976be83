import { z } from 'zod'
import { decodePage, encodePage, type Page } from '../protocol/pagination.ts'
import type { Position } from '../store/records.ts'

interface Listed {
  id: string
  created_at: string
}

/** Where a forward list goes on. */
export function pageAt(list: string, page: string | undefined): { after?: Position } {
  if (page === undefined) return {}
  const { at, id } = decodePage(list, page, { at: z.string(), id: z.string() })
  return { after: { createdAt: at, id } }
}

/** A page of a forward list. */
export function pageOf<T extends Listed>(list: string, data: T[], more: boolean): Page<T> {
  const last = data.at(-1)
  return { data, next_page: more && last ? encodePage(list, { at: last.created_at, id: last.id }) : null }
}

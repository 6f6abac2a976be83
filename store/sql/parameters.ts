import { invalidRequest } from '../../protocol/errors.ts'

/**
 * Texts of columns and of comparisons come from requests: ids, keys, places in lists. PostgreSQL's texts hold no NUL, so
 * no database is given one. In JSON, as all larger texts are stored, it is written as an escape.
 * @throws ApiError 400
 */
export function refuseNul(parameters: readonly unknown[]): void {
  for (const parameter of parameters) {
    if (typeof parameter === 'string' && parameter.includes('\0')) {
      throw invalidRequest('an id, a key or a cursor has a NUL character, which none can have')
    }
  }
}

import type { FastifyRequest } from 'fastify'
import type { MemoryActor } from '../protocol/memory-versions.ts'
import { apiKeyId } from './authentication.ts'

/** Who sent the requests that are being answered. */
export class Callers {
  readonly #keys = new WeakMap<FastifyRequest, string>()
  /** An id costs time on purpose: it is made once for each key that needs one. */
  readonly #ids = new Map<string, string>()

  note(request: FastifyRequest, key: string | undefined): void {
    if (key !== undefined) this.#keys.set(request, key)
  }

  /** To whom a change is ascribed: to nobody where no keys are configured. Source: spec §17.6. */
  actorOf(request: FastifyRequest): { actor?: MemoryActor } {
    const key = this.#keys.get(request)
    if (key === undefined) return {}
    const id = this.#ids.get(key) ?? apiKeyId(key)
    this.#ids.set(key, id)
    return { actor: { type: 'api_actor', api_key_id: id } }
  }
}

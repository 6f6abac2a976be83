import type { FastifyRequest } from 'fastify'
import { rateLimited } from '../protocol/errors.ts'
import { TokenBucket } from './token-bucket.ts'

/** What the requests of one key may be, and what the server takes on. Absent: no bound. Source: spec §2.9. */
export interface RateLimits {
  /** Requests a minute that make or change something, of one key. */
  writesPerMinute?: number
  /** Requests a minute that read, of one key; an event stream counts once. */
  readsPerMinute?: number
  /** Requests a minute to the Files API, of one key. */
  filesPerMinute?: number
  /** Requests that are under way at once, of all keys; event streams do not count. */
  underWay?: number
}

type Kind = 'writes' | 'reads' | 'files'

/** Decides on each request, before it is looked at, whether it is let in. */
export class Admission {
  readonly #limits: RateLimits
  readonly #buckets = new Map<string, TokenBucket>()
  #underWay = 0

  constructor(limits: RateLimits) {
    this.#limits = limits
  }

  /**
   * Lets a request in, or throws a 429 that says when to come again.
   * @param caller who asks: a key, or the same for all when nobody needs one
   * @param onEnd calls back when the request has been answered
   */
  admit(caller: string, request: FastifyRequest, onEnd: (end: () => void) => void): void {
    const { underWay } = this.#limits
    const lasts = request.routeOptions.url?.endsWith('/stream') === true
    // First: what is turned away here costs the caller nothing of its rate.
    if (underWay !== undefined && !lasts && this.#underWay >= underWay) {
      throw rateLimited(`the server is at work on ${underWay} requests: try again`, 1)
    }
    const kind = kindOf(request)
    const perMinute = this.#limits[`${kind}PerMinute`]
    if (perMinute !== undefined) {
      const wait = this.#bucket(`${kind} ${caller}`, perMinute).take(performance.now())
      if (wait > 0) {
        const seconds = Math.ceil(wait / 1000)
        throw rateLimited(
          `more than ${perMinute} requests a minute (${names[kind]}): try again in ${seconds} s`,
          seconds,
        )
      }
    }
    if (underWay === undefined || lasts) return
    this.#underWay++
    onEnd(() => {
      this.#underWay--
    })
  }

  #bucket(name: string, perMinute: number): TokenBucket {
    let bucket = this.#buckets.get(name)
    if (!bucket) {
      bucket = new TokenBucket(perMinute, performance.now())
      // As many as there are keys: who has none does not come so far.
      this.#buckets.set(name, bucket)
    }
    return bucket
  }
}

const names = { writes: 'that make or change something', reads: 'that read', files: 'to the Files API' }

function kindOf({ method, routeOptions }: FastifyRequest): Kind {
  if (/^\/v1\/files(\/|$)/.test(routeOptions.url ?? '')) return 'files'
  return method === 'GET' || method === 'HEAD' ? 'reads' : 'writes'
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { SeenEvent } from './event-stream.ts'

/** The API said no: repeating the request would change nothing. */
export class ApiRefusal extends Error {
  override readonly name = 'ApiRefusal'
  readonly status: number

  constructor(status: number, body: string) {
    super(`${status}: ${body.slice(0, 500)}`)
    this.status = status
  }
}

/** Nobody answered for longer than any outage may last. */
export class ApiSilent extends Error {
  override readonly name = 'ApiSilent'
}

/** One request is given up after this and repeated. */
const requestMs = 15_000
const patienceMs = 90_000

/** A client as a careful customer writes it: it repeats every request, with the same key, until it has an answer. */
export class Api {
  /** Changes when the server is started anew only if its port does, which it does not. */
  readonly url: string
  /** Requests that had to be repeated. */
  repeated = 0

  constructor(url: string) {
    this.url = url
  }

  /** @throws ApiRefusal, ApiSilent */
  async call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, key?: string): Promise<T> {
    const headers = {
      'x-api-key': 'none',
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'managed-agents-2026-04-01',
      ...(body && { 'content-type': 'application/json' }),
      ...(key && { 'idempotency-key': key }),
    }
    let last = 'no answer'
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(100)) {
      try {
        const signal = AbortSignal.timeout(requestMs)
        const response = await fetch(`${this.url}/v1${path}`, {
          method,
          headers,
          signal,
          ...(body && { body: JSON.stringify(body) }),
        })
        const text = await response.text()
        if (response.ok) return JSON.parse(text) as T
        if (response.status < 500 && response.status !== 429) throw new ApiRefusal(response.status, text)
        last = `${response.status} ${text.slice(0, 300)}`
      } catch (error) {
        if (error instanceof ApiRefusal) throw error
        last = String((error as Error).cause ?? error)
      }
      this.repeated++
    }
    throw new ApiSilent(`${method} ${path}: ${last}`)
  }

  /** The whole list, page by page. */
  async events(sessionId: string, limit: number): Promise<SeenEvent[]> {
    const events: SeenEvent[] = []
    for (let page = ''; ; ) {
      const query = `limit=${limit}${page && `&page=${encodeURIComponent(page)}`}`
      const answer = await this.call<{ data: SeenEvent[]; next_page?: string | null }>(
        'GET',
        `/sessions/${sessionId}/events?${query}`,
      )
      events.push(...answer.data)
      if (!answer.next_page) return events
      page = answer.next_page
    }
  }
}

import Anthropic, { type ClientOptions } from '@anthropic-ai/sdk'
import { expect } from 'vitest'
import { isResource } from './sdk-methods.ts'

/** What was seen, and the tests that saw it. */
export type Seen = Map<string, Set<string>>

/** Takes down which methods of the SDK the tests call, and which events and errors come back over the wire. */
export class Recorder {
  readonly methods: Seen = new Map()
  readonly events: Seen = new Map()
  /** `404 not_found_error` */
  readonly errors: Seen = new Map()
  /** Types of `session.error`. */
  readonly sessionErrors: Seen = new Map()

  client(options: ClientOptions): Anthropic {
    const client = new Anthropic({ maxRetries: 0, ...options, fetch: (url, init) => this.#fetch(url as string, init) })
    const beta = this.#watched(client.beta, '')
    return new Proxy(client, { get: (target, key) => (key === 'beta' ? beta : Reflect.get(target, key)) })
  }

  #watched<T extends object>(resource: T, name: string): T {
    return new Proxy(resource, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key)
        if (typeof key !== 'string' || key.startsWith('_')) return value
        const path = name ? `${name}.${key}` : key
        if (isResource(value)) return this.#watched(value, path)
        if (typeof value !== 'function') return value
        return (...given: unknown[]) => {
          note(this.methods, path)
          return value.apply(target, given)
        }
      },
    })
  }

  async #fetch(url: string, init?: RequestInit): Promise<Response> {
    const response = await fetch(url, init)
    const type = response.headers.get('content-type') ?? ''
    const test = currentTest()
    if (type.startsWith('application/json')) this.#read(await response.clone().json(), response.status, test)
    if (!type.startsWith('text/event-stream')) return response
    // Not a clone: who leaves one of two would wait for the other.
    const { status, headers } = response
    return new Response(response.body!.pipeThrough(this.#reader(test)), { status, headers })
  }

  /** Looks at what passes through. */
  #reader(test: string): TransformStream<Uint8Array, Uint8Array> {
    const decoder = new TextDecoder()
    let text = ''
    return new TransformStream({
      transform: (chunk, passed) => {
        const lines = (text + decoder.decode(chunk, { stream: true })).split('\n')
        text = lines.pop()!
        for (const line of lines) if (line.startsWith('data: ')) this.#readEvent(JSON.parse(line.slice(6)), test)
        passed.enqueue(chunk)
      },
    })
  }

  // biome-ignore lint/suspicious/noExplicitAny: the body is whatever the server answered
  #read(body: any, status: number, test: string): void {
    if (status >= 400) note(this.errors, `${status} ${body.error.type}`, test)
    if (Array.isArray(body.data)) for (const item of body.data) this.#readEvent(item, test)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above
  #readEvent(event: any, test: string): void {
    const isEvent = /^(user|agent|session|span|system|workflow_run)\.|^event_(start|delta)$/.test(event?.type ?? '')
    if (!isEvent) return
    note(this.events, event.type, test)
    if (event.type === 'session.error') note(this.sessionErrors, event.error.type, test)
  }
}

const currentTest = () => expect.getState().currentTestName ?? 'set-up'

function note(seen: Seen, what: string, test = currentTest()): void {
  seen.set(what, (seen.get(what) ?? new Set()).add(test))
}

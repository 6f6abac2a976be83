import { setTimeout as sleep } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { type ApiClient, unreachable } from '../api-client.ts'
import { Failure } from '../failure.ts'
import { interruption } from '../interruption.ts'

export type StreamedEvent = Anthropic.Beta.Sessions.BetaManagedAgentsStreamSessionEvents

/** An event with its place in the log; previews have none. */
export interface Followed {
  cursor?: string
  event: StreamedEvent
}

export interface FollowOptions {
  /** Cursor behind which to begin. Without one: what comes from now on, or with `beginning` everything. */
  after?: string
  /** Where to go on when the connection breaks before anything came. @default what comes from then on */
  fallback?: string
  /** Messages as they are written. */
  previews?: boolean
  /** The connection broke and is made again. */
  onBreak?: () => void
  /** How long it is tried to be made again, milliseconds. @default 600000 */
  patienceMs?: number
  /** Without a sign of life for this long the connection counts as broken, milliseconds. @default 30000 */
  silenceMs?: number
}

/** Before the first event of every log. */
export const beginning = '0.0.0'

/**
 * A session's events as they come. When the connection breaks it is made again behind the last event seen, so that none
 * is missed and none comes twice. Ends when the session does. The SDK's own stream neither shows the cursors nor comes
 * back, hence the raw response. Source: spec §8.3; `id` and `after` are Holdfast's own.
 * @throws the refusal of the server; Failure with the cursor when the server does not come back
 */
export async function* follow(
  { client, url }: ApiClient,
  sessionId: string,
  options: FollowOptions = {},
): AsyncGenerator<Followed | 'open', void> {
  const { onBreak = () => {}, patienceMs = 600_000, silenceMs = 30_000 } = options
  let after = options.after
  let opened = false
  let brokenAt: number | undefined
  for (let attempt = 0; ; attempt++) {
    const watch = new Watch(silenceMs)
    try {
      const response = await open(client, sessionId, {
        after,
        previews: options.previews === true,
        signal: watch.signal,
      })
      // The first connection decides where the log is read from, also when nothing has come yet.
      yield 'open'
      opened = true
      attempt = 0
      brokenAt = undefined
      let isEmpty = true
      for await (const { id, event: name, data } of messages(response, watch)) {
        isEmpty = false
        if (name === 'error') throw new Failure(`the server ended the stream: ${data}`)
        const event = JSON.parse(data) as StreamedEvent
        if (id !== undefined) after = id
        yield { ...(id !== undefined && { cursor: id }), event }
        if (event.type === 'session.status_terminated' || event.type === 'session.deleted') return
      }
      // The log of a session that has ended has nothing behind its last event, and says so by ending.
      if (isEmpty && (await client.beta.sessions.retrieve(sessionId)).status === 'terminated') return
    } catch (error) {
      interruption().throwIfAborted()
      if (isRefusal(error)) throw error
      if (!opened && error instanceof Anthropic.APIConnectionError) throw unreachable(url, error)
    } finally {
      watch.end()
    }
    after ??= options.fallback
    brokenAt ??= performance.now()
    if (performance.now() - brokenAt > patienceMs) throw gaveUp(url, sessionId, after)
    if (attempt === 0) onBreak()
    await sleep(Math.min(5000, 200 * 2 ** attempt), undefined, { signal: interruption() }).catch(() => {})
    interruption().throwIfAborted()
  }
}

function open(
  client: Anthropic,
  sessionId: string,
  { after, previews, signal }: { after: string | undefined; previews: boolean; signal: AbortSignal },
): Promise<Response> {
  const query = {
    ...(after !== undefined && { after }),
    ...(previews && { event_deltas: ['agent.message'] }),
  }
  const path = `/v1/sessions/${encodeURIComponent(sessionId)}/events/stream`
  return client.get(path, { query, headers: { accept: 'text/event-stream' }, maxRetries: 0, signal }).asResponse()
}

async function* messages(response: Response, watch: Watch) {
  const alive = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      watch.alive()
      controller.enqueue(chunk)
    },
  })
  const parsed = response
    .body!.pipeThrough(alive)
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream())
  for await (const message of parsed) yield message
}

/** Aborts when nothing was heard for a while: the server sends comments when it has nothing to say. */
class Watch {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(silenceMs: number) {
    this.#timer = setTimeout(() => this.#controller.abort(), silenceMs)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  alive(): void {
    this.#timer.refresh()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#controller.abort()
  }
}

/** What trying again does not change. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Anthropic.APIError) || error.status === undefined) return false
  return error.status < 500 && error.status !== 429 && error.status !== 408
}

function gaveUp(url: string, sessionId: string, after: string | undefined): Failure {
  const { message, exitCode } = unreachable(url, undefined)
  const next = after === undefined ? '' : `; go on with: holdfast sessions tail ${sessionId} --after ${after}`
  return new Failure(message + next, exitCode)
}

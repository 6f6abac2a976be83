import Anthropic from '@anthropic-ai/sdk'
import { exitCodes } from './exit-codes.ts'
import { Failure, usageError } from './failure.ts'
import { interruption } from './interruption.ts'

export interface ApiClient {
  /** The official SDK, pointed at the server. */
  client: Anthropic
  url: string
}

export type Fetch = typeof fetch

/**
 * The server that HOLDFAST_URL names (the one of `holdfast dev` on this machine when it is not set), with HOLDFAST_API_KEY.
 * @param through sees each request on its way, to watch its body
 */
export function apiClient({ through = fetch }: { through?: Fetch } = {}): ApiClient {
  const url = (process.env.HOLDFAST_URL || 'http://127.0.0.1:4000').replace(/\/+$/, '')
  if (!URL.canParse(url) || !/^https?:/.test(url))
    throw usageError(`HOLDFAST_URL: expected a URL with http: or https:, not ${JSON.stringify(url)}`)
  const ended = interruption()
  const client = new Anthropic({
    baseURL: url,
    // The SDK asks for one, and must not take ANTHROPIC_API_KEY, which is the model's.
    apiKey: process.env.HOLDFAST_API_KEY || 'none',
    authToken: null,
    logLevel: 'off',
    fetch: async (input, init) => {
      const signal = init?.signal ? AbortSignal.any([init.signal, ended]) : ended
      try {
        return await through(input, { ...init, signal })
      } catch (error) {
        ended.throwIfAborted()
        throw error
      }
    },
  })
  return { client, url }
}

/** Says where nobody answered. */
export function unreachable(url: string, cause: unknown): Failure {
  const next = process.env.HOLDFAST_URL ? 'check HOLDFAST_URL' : 'start it with `holdfast dev`, or set HOLDFAST_URL'
  return new Failure(`no server answers at ${url}: ${next}`, exitCodes.unreachable, { cause })
}

/** Runs a command's requests; an unreachable server and Ctrl-C become the failures that they are. */
export async function withApi<T>(run: (api: ApiClient) => Promise<T>, options: { through?: Fetch } = {}): Promise<T> {
  const api = apiClient(options)
  try {
    return await run(api)
  } catch (error) {
    interruption().throwIfAborted()
    throw error instanceof Anthropic.APIConnectionError ? unreachable(api.url, error) : error
  }
}

/** One key for each call of a command: what the SDK repeats is done once. */
export const once = () => ({ headers: { 'idempotency-key': crypto.randomUUID() } })

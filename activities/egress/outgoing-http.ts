import { Agent, buildConnector, fetch, type RequestInit, type Response } from 'undici'
import type { AddressPolicy } from './address-policy.ts'

/** An answer was longer than it may be. */
export class AnswerTooLong extends Error {
  override readonly name = 'AnswerTooLong'
}

export interface OutgoingOptions {
  /** For a connection to be made, milliseconds. @default 10000 */
  connectMs?: number
}

/**
 * HTTP to addresses that users name. Every connection, those of redirects too, goes to an address that the policy has
 * checked: none can be chosen between the check and the dialling.
 */
export class OutgoingHttp {
  readonly #agent: Agent

  constructor(policy: AddressPolicy, { connectMs = 10_000 }: OutgoingOptions = {}) {
    const dial = buildConnector({ timeout: connectMs })
    this.#agent = new Agent({
      // Calls may be silent for long; who makes them has time-outs of its own.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 10_000,
      connect(options, callback) {
        policy.resolve(options.hostname).then(
          // The name goes on as what the certificate must be for.
          ({ address }) =>
            dial({ ...options, hostname: address, servername: options.servername ?? options.hostname }, callback),
          (error) => callback(error, null),
        )
      },
    })
  }

  fetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
    return fetch(url, { ...init, dispatcher: this.#agent })
  }

  /** Connections that are in use end too. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The first bytes of an answer as text; the rest is not read. */
export async function readStart(response: Response, most: number): Promise<{ text: string; truncated: boolean }> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    parts.push(part)
    size += part.length
    // Leaving the loop cancels the stream.
    if (size > most) break
  }
  return { text: Buffer.concat(parts).subarray(0, most).toString('utf8').toWellFormed(), truncated: size > most }
}

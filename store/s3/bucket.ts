import { S3 } from '@aws-sdk/client-s3'
import { StorageUnavailable } from '../blobs.ts'

/** A bucket, or a part of one. Credentials come from AWS' own variables, profiles and services, and from nowhere else. */
export interface S3Place {
  bucket: string
  /** What all keys begin with, such as `holdfast/`. @default none */
  prefix?: string
  /** @default what AWS_REGION or the profile says; `us-east-1` when there is an endpoint and no variable */
  region?: string
  /** URL of another service that speaks S3. @default AWS_ENDPOINT_URL_S3, otherwise that of the region */
  endpoint?: string
  /** The bucket's name is in the path, not in the host's. @default true with an endpoint */
  forcePathStyle?: boolean
}

/** Longest times, milliseconds. What moves content has more, by its size. */
const connectMs = 3000
const answerMs = 15_000
/** Of a request with its repetitions. */
const patienceMs = 30_000
/** Waits between them grow from a tenth of a second: together some ten seconds, for a service that starts anew. */
const attempts = 8
/** Bytes a millisecond that the slowest line moves: 100 KB a second. */
const slowestPace = 100
/** Downloads hold their connection for as long as their reader takes. */
const mostConnections = 1000

interface RequestOptions {
  requestTimeout: number
  abortSignal: AbortSignal
}

/** One bucket: its requests, with their bounds, and what their failures mean. */
export class Bucket {
  readonly name: string
  readonly #prefix: string
  readonly #s3: S3

  constructor({ bucket, prefix = '', region, endpoint, forcePathStyle = endpoint !== undefined }: S3Place) {
    this.name = bucket
    this.#prefix = prefix
    const usual = region ?? (endpoint && !process.env.AWS_REGION ? 'us-east-1' : undefined)
    const agent = { keepAlive: true, maxSockets: mostConnections }
    this.#s3 = new S3({
      ...(usual && { region: usual }),
      ...(endpoint && { endpoint }),
      forcePathStyle,
      maxAttempts: attempts,
      // Only whole objects could be checked, not the rest of one that broke off.
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: connectMs,
        requestTimeout: answerMs,
        throwOnRequestTimeout: true,
        httpAgent: agent,
        httpsAgent: agent,
      },
    })
  }

  /** Where an object is. */
  place(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.name, Key: this.#prefix + key }
  }

  /** Objects whose keys begin so. */
  below(prefix: string): { Bucket: string; Prefix: string } {
    return { Bucket: this.name, Prefix: this.#prefix + prefix }
  }

  /** The key of an object that was listed. */
  keyOf(name: string): string {
    return name.slice(this.#prefix.length)
  }

  /**
   * Makes a request, and makes it again within bounds when that may help.
   * @param operation its name, for errors
   * @param bytes of content that it moves before it is answered
   * @throws StorageUnavailable
   */
  async ask<T>(
    operation: string,
    request: (s3: S3, options: RequestOptions) => Promise<T>,
    { bytes = 0 } = {},
  ): Promise<T> {
    const extra = Math.ceil(bytes / slowestPace)
    const patience = patienceMs + 2 * extra
    const abortSignal = AbortSignal.timeout(patience)
    try {
      return await request(this.#s3, { requestTimeout: answerMs + extra, abortSignal })
    } catch (error) {
      if (!abortSignal.aborted) throw this.failure(operation, error)
      throw this.failure(operation, { name: 'TimeoutError', message: `no answer in ${patience} ms` })
    }
  }

  /** The error itself is left away: it holds what was sent, and with it ids of keys, signatures and tokens. */
  failure(operation: string, error: unknown): StorageUnavailable {
    const { name, code, message, $metadata = {} } = error as SdkError
    const reason = code ?? (name === 'Error' ? message : name)
    const { httpStatusCode: status = 0, requestId } = $metadata
    const isRefusal = unset.includes(reason) || (status >= 300 && status < 500 && status !== 408 && status !== 429)
    const what = message && message !== reason ? `${reason}: ${message}` : reason
    const request = requestId ? ` (request ${requestId})` : ''
    return new StorageUnavailable(`bucket ${this.name}: ${operation}: ${what}${request}`, { reason, isRefusal })
  }
}

/** What the client finds wrong before it asks anybody. */
const unset = ['CredentialsProviderError', 'Region is missing']

interface SdkError extends Error {
  /** Of Node's own errors. */
  code?: string
  $metadata?: { httpStatusCode?: number; requestId?: string }
}

import { limits } from '../protocol/limits.ts'

/** What one client may cost the server. Sizes in bytes, times in milliseconds. */
export interface ServerLimits {
  /** A JSON body, and the same body once decoded. @default 32 MiB */
  requestBytes: number
  /** Values in a JSON body, those in lists and objects among them. @default 250,000 */
  requestValues: number
  /** One uploaded file. @default 500 MiB */
  fileBytes: number
  /** From the connection to the last header. @default 30 s */
  headersMs: number
  /** Between two pieces of a body. @default 30 s */
  bodyPauseMs: number
  /** For a whole JSON body. @default 5 min */
  bodyMs: number
  /** For a whole upload. @default 1 h */
  uploadMs: number
  /** How long the rest of a body is read and thrown away once it is answered. @default 10 s */
  discardMs: number
  /** Until an idle connection is closed: longer than clients and proxies keep one, so that they close first. @default 2 min */
  idleMs: number
  /** Between two keep-alive comments of an event stream; must stay below 10 s. @default 8 s */
  commentMs: number
  /** Until the connection of a reader who takes nothing of what waits for it is closed. @default 60 s */
  stalledReaderMs: number
  /** For requests under way when the server closes. @default 5 s */
  closeMs: number
}

export const defaultLimits: ServerLimits = {
  requestBytes: limits.requestBytes,
  requestValues: limits.requestValues,
  fileBytes: limits.fileBytes,
  headersMs: 30_000,
  bodyPauseMs: 30_000,
  bodyMs: 300_000,
  uploadMs: 3_600_000,
  discardMs: 10_000,
  idleMs: 120_000,
  commentMs: 8000,
  stalledReaderMs: 60_000,
  closeMs: 5000,
}

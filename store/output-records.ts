import type { FileRecord } from './records.ts'

/** What is known of one path below a session's outputs folder. */
export interface OutputRecord {
  /** Relative to the outputs folder. */
  path: string
  /** What the file system said of the file when it was taken: as long as it says the same, nothing is to be done. */
  signature: string
  /** SHA-256 of the taken content, hex; null when the content is not offered. */
  sha256: string | null
  /** Bytes of the taken content, 0 when the content is not offered. */
  size: number
  /** The file that shows it; null when the content is not offered. */
  fileId: string | null
}

/** Which files show what a session's container left in its outputs folder. */
export interface OutputRecords {
  of(sessionId: string): Promise<OutputRecord[]>
  /**
   * Takes down the newest state of a path, in one transaction: the file that showed the path before goes, `file` comes.
   * Returns false, and changes nothing, when the path is no longer as in `before`, or the session is not there any more.
   * `removed` is the file that went.
   */
  put(
    sessionId: string,
    output: OutputRecord,
    change: { before: OutputRecord | undefined; file?: FileRecord },
  ): Promise<{ removed?: FileRecord } | false>
  /** Forgets a path and removes its file, when it is as in `before`. */
  remove(sessionId: string, before: OutputRecord): Promise<{ removed?: FileRecord } | false>
  /** Forgets all paths of a session; their files stay. */
  deleteAll(sessionId: string): Promise<void>
}

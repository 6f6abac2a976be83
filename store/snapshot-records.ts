/** Some of the entries below a session's folders, and what to remove before they are put back. */
export interface SnapshotPart {
  /** When it was taken. ISO 8601. */
  takenAt: string
  /** Key of the blob with the entries: a tar archive, compressed with zstd. */
  archive: string
  /** SHA-256 of that blob, hex. */
  sha256: string
  /** Bytes of that blob. */
  bytes: number
  /** Key of the blob that names what is not there any more, with its SHA-256: paths, each ended by a zero byte; zstd. */
  removed?: { blob: string; sha256: string }
}

/** The files of a session's container as they were at one moment. */
export interface Snapshot {
  /** Grows by one with every change of this record. */
  sequence: number
  /** Task queue of the host that has the container: nobody else writes. */
  host: string
  /** Put back one after the other they are the files. */
  parts: SnapshotPart[]
  /** Ids of the repositories that were checked out. */
  checkouts: string[]
}

/** Where the newest snapshots of sessions' files are. */
export interface SnapshotRecords {
  of(sessionId: string): Promise<Snapshot | undefined>
  /**
   * Takes down a session's newest snapshot. Returns false, and changes nothing, when the one that is there is not of the
   * sequence `before` (undefined: when there is one), or when the session is not there any more.
   */
  put(sessionId: string, snapshot: Snapshot, before: number | undefined): Promise<boolean>
  delete(sessionId: string): Promise<void>
}

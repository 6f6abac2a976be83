import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { FileMetadata } from '../../protocol/files.ts'
import { getType } from '../../protocol/media-types.ts'
import type { Blobs } from '../../store/blobs.ts'
import type { OutputRecord } from '../../store/output-records.ts'
import type { FileRecord } from '../../store/records.ts'
import { offeredName } from './output-limits.ts'
import { contentOf, hashOf, idOfState, signatureOf, signatureToKeep } from './snapshot.ts'

/** How often content is read anew because it changed under the reading. */
const mostReadings = 3

export interface Taken {
  output: OutputRecord
  /** Absent when the content is what it was. */
  file?: FileRecord
}

/**
 * Stores the content of an open file for download, unless it is what `before` has. Of a file that is written to without
 * a pause it takes what was there when the reading began, so that the next look sees it as changed.
 */
export async function take(
  blobs: Blobs,
  { sessionId, path, file, before }: { sessionId: string; path: string; file: FileHandle; before?: OutputRecord },
): Promise<Taken> {
  for (let readings = 1; ; readings++) {
    const stats = await file.stat({ bigint: true })
    const signature = signatureToKeep(stats)
    const size = Number(stats.size)
    if (before?.fileId && before.size === size && (await hashOf(file, size)) === before.sha256) {
      return { output: { ...before, signature } }
    }
    const id = idOfState('file', sessionId, path, signature)
    const blob = `files/${id}`
    const hash = createHash('sha256')
    const stored = await blobs.putStream(blob, size > 0 ? contentOf(file, size) : Readable.from([]), { hash })
    const after = signatureOf(await file.stat({ bigint: true }))
    if (after !== signatureOf(stats) && readings < mostReadings) {
      await blobs.delete(blob)
      continue
    }
    const metadata: FileMetadata = {
      id,
      type: 'file',
      filename: offeredName(path),
      mime_type: getType(path) ?? 'application/octet-stream',
      size_bytes: stored.size,
      created_at: new Date().toISOString(),
      downloadable: true,
      expires_at: null,
      scope: { type: 'session', id: sessionId },
    }
    return {
      output: { path, signature, sha256: hash.digest('hex'), size: stored.size, fileId: id },
      file: { metadata, blob },
    }
  }
}

import type { FileMetadata } from '../protocol/files.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'

/** Whether the content is to be had no longer. Source: spec §15.4. */
export function hasExpired({ expires_at }: FileMetadata, now = Date.now()): boolean {
  return expires_at !== null && Date.parse(expires_at) <= now
}

/** How long what is known of an expired file stays, milliseconds. Source: spec §15.5. */
const metadataLifeMs = 30 * 24 * 3600_000

/** Removes the content of files that have expired, and what is known of them 30 days later. May be repeated at any point. */
export async function purgeExpiredFiles(
  { records: { files }, blobs }: { records: Records; blobs: Blobs },
  now = Date.now(),
): Promise<void> {
  for (;;) {
    const due = await files.due(new Date(now).toISOString(), 100)
    if (due.length === 0) return
    for (const { metadata, blob } of due) {
      if (blob === '') {
        await files.delete(metadata.id)
        continue
      }
      // Sessions that mounted it have copies that share the content. Other servers do the same meanwhile: counted first, a
      // row that loses its content in between is counted for one too many, never for one too few.
      const count = await files.countByBlob(blob)
      const own = (await files.get(metadata.id))?.blob === blob ? 1 : 0
      if (count === own) await blobs.delete(blob)
      const end = Date.parse(metadata.expires_at!) + metadataLifeMs
      await files.dropContent(metadata.id, new Date(end).toISOString())
    }
  }
}

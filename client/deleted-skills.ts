import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'

const atOnce = 100

/**
 * Removes the content of deleted versions of skills that no session needs any more. May be repeated at any point: what is
 * deleted and unneeded is never needed again.
 */
export async function purgeDeletedSkills({
  records: { skills },
  blobs,
}: {
  records: Pick<Records, 'skills'>
  blobs: Pick<Blobs, 'delete'>
}): Promise<void> {
  for (;;) {
    const unneeded = await skills.versions.unneeded(atOnce)
    for (const { version, blob } of unneeded) {
      await blobs.delete(blob)
      await skills.versions.forget(version.id)
    }
    if (unneeded.length < atOnce) return
  }
}

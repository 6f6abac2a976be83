import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'

/** Removes a file, and its content when no other file shares that. Nothing when there is no such file. */
export async function forgetFile(
  { records: { files }, blobs }: { records: Pick<Records, 'files'>; blobs: Pick<Blobs, 'delete'> },
  id: string,
): Promise<void> {
  const file = await files.get(id)
  if (!file) return
  await files.delete(id)
  if ((await files.countByBlob(file.blob)) === 0) await blobs.delete(file.blob)
}

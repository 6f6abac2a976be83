import type { Blobs } from './blobs.ts'
import { openFileBlobs } from './file-blobs.ts'
import type { S3Place } from './s3/bucket.ts'

/** Where blobs are: a folder, or a bucket. */
export type BlobsPlace = { directory: string } | { s3: S3Place }

/** Opens the blobs. A bucket is not asked for anything yet. */
export async function openBlobs(place: BlobsPlace): Promise<Blobs> {
  if ('directory' in place) return openFileBlobs(place)
  // The client takes 0.2 s to load, which those with a folder need not wait for.
  const { S3Blobs } = await import('./s3/s3-blobs.ts')
  return new S3Blobs(place.s3)
}

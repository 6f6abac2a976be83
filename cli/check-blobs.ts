import type { Config } from '../worker/config/load-config.ts'

/**
 * A bucket that refuses would fail every session: it is tried before anything starts. One that is away is waited for, as
 * it is when it goes away later.
 * @throws Error with the way out
 */
export async function checkBlobs({ blobs }: Pick<Config, 'blobs'>, log: (line: string) => void): Promise<void> {
  if (!('s3' in blobs)) return
  const { checkBucket } = await import('../store/s3/check-bucket.ts')
  const trouble = await checkBucket(blobs.s3)
  if (!trouble) return
  const said = `${trouble.message}: ${trouble.fix}`
  if (!trouble.isPassing) throw new Error(said)
  log(`warning: ${said}`)
}

import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { StorageUnavailable } from '../blobs.ts'
import type { S3Place } from './bucket.ts'
import { S3Blobs } from './s3-blobs.ts'

/** What is wrong with a bucket. */
export interface BucketTrouble {
  message: string
  /** What to do about it. */
  fix: string
  /** It may pass by itself: the bucket is away. */
  isPassing: boolean
}

/**
 * Tries everything that blobs do, on an object of its own: writing, reading, listing, deleting. Undefined when all of it
 * works.
 */
export async function checkBucket(place: S3Place): Promise<BucketTrouble | undefined> {
  const blobs = new S3Blobs(place)
  const folder = `checks/${randomUUID()}/`
  const key = `${folder}object`
  try {
    await blobs.put(key, Buffer.from(key))
    const content = await blobs.get(key)
    const listed = await Readable.from(blobs.list(folder)).toArray()
    await blobs.deleteAll(folder)
    const left = await blobs.get(key)
    if (content && Buffer.from(content).toString() === key && String(listed) === key && !left) return undefined
    const message = `bucket ${place.bucket}: what was written or deleted is not seen at once`
    return { message, fix: 'use a service that is strongly consistent, as Amazon S3 is', isPassing: false }
  } catch (error) {
    if (!(error instanceof StorageUnavailable)) throw error
    const { message, reason, isRefusal } = error
    const known = fixes.find(({ reasons }) => reasons.includes(reason))
    const fix =
      known?.fix ?? (isRefusal ? otherFix : 'see that blobs.s3.endpoint, if there is one, and the network are right')
    return { message, fix, isPassing: !isRefusal }
  }
}

const permissions =
  's3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects, s3:ListBucket and s3:ListBucketMultipartUploads on it'
const otherFix = `see that the credentials are those of the bucket, and that they allow ${permissions}`

/**
 * By S3's error codes and the client's own.
 * Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
const fixes = [
  { reasons: ['NoSuchBucket'], fix: 'make the bucket, or correct blobs.s3.bucket' },
  { reasons: ['AccessDenied', 'AllAccessDisabled'], fix: `allow ${permissions}` },
  {
    reasons: [
      'CredentialsProviderError',
      'InvalidAccessKeyId',
      'SignatureDoesNotMatch',
      'ExpiredToken',
      'InvalidToken',
    ],
    fix: 'export AWS_ACCESS_KEY_ID=... and AWS_SECRET_ACCESS_KEY=..., or AWS_PROFILE=...',
  },
  {
    reasons: [
      'Region is missing',
      'PermanentRedirect',
      'AuthorizationHeaderMalformed',
      'IllegalLocationConstraintException',
    ],
    fix: "give the bucket's own region in blobs.s3.region",
  },
  { reasons: ['RequestTimeTooSkewed'], fix: "set this machine's clock" },
]

/** Fills a small disk. Usage: full-disk-process.ts FOLDER */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { openBlobs } from '../../store/open-blobs.ts'

const directory = process.argv[2]!
const blobs = await openBlobs({ directory })
await blobs.put('small', Buffer.from('x'))
const errors = [
  await blobs.put('large', Buffer.alloc(1_000_000)).catch((error) => error),
  await blobs.putStream('stream', Readable.from(Array(100).fill(Buffer.alloc(10_000)))).catch((error) => error),
]
const keys = await Readable.from(blobs.list('')).toArray()
const partials = await readdir(path.join(directory, '.partial'))
await blobs.put('small', Buffer.from('fits'))
const later = Buffer.from((await blobs.get('small'))!).toString()
console.log(
  JSON.stringify({ errors: errors.map(({ name }) => name), message: errors[0].message, keys, partials, later }),
)

import type { Readable } from 'node:stream'

/** Entries of one session; more are not saved. */
const mostEntries = 250_000
/** Bytes of their paths together: each names all folders above, so that they add up to far more than is on the disk. */
const mostPathBytes = 32 * 1024 * 1024
/** Bytes of a path that programs can name; what lies deeper is not saved. */
const longestPath = 4095
/** A file system's clock ticks this coarsely, milliseconds: two changes within a tick look like one. */
const tickMs = 50
const fieldsBeforePath = 8

interface Entry {
  /** As long as it is the same, so is the entry. */
  signature: string
  isFolder: boolean
  /** What its content takes on the disk. */
  bytes: number
}

/** What is below a session's folders. Paths are bytes, held as Latin-1; parents come before what they hold. */
export interface Listing {
  /** When it was made, milliseconds since the epoch. */
  at: number
  entries: Map<string, Entry>
}

export interface Changes {
  /** Paths to save. */
  changed: string[]
  /** Paths that are gone, or are something else now; without what was below them. */
  removed: string[]
}

/** Thrown for files that are not saved because they are too many. */
export class TooMuch extends Error {
  override readonly name = 'TooMuch'
}

/**
 * Reads what ContainerFiles.list hands out.
 * @param at when it began
 * @throws TooMuch
 */
export async function readListing(lines: Readable, at: number): Promise<Listing> {
  const entries = new Map<string, Entry>()
  let pathBytes = 0
  let rest = ''
  for await (const chunk of lines) {
    const texts = (rest + (chunk as Buffer).toString('latin1')).split('\0')
    rest = texts.pop()!
    for (const text of texts) {
      const [path, entry] = entryOf(text)
      pathBytes += path.length
      if (path.length <= longestPath) entries.set(path, entry)
    }
    if (entries.size > mostEntries) throw new TooMuch(`there are more than ${mostEntries} files and folders`)
    if (pathBytes > mostPathBytes) throw new TooMuch(`their paths take more than ${mostPathBytes} bytes`)
  }
  // The folders themselves are always there: without them nothing was looked at.
  if (rest !== '' || entries.size < 3) throw new Error('the list of the files was cut off')
  return { at, entries }
}

function entryOf(text: string): [string, Entry] {
  const fields = text.split(' ', fieldsBeforePath)
  const path = text.slice(fields.reduce((length, field) => length + field.length + 1, 0))
  const [type, inode, mode, , size, blocks, modified, changed] = fields
  const signature = [type, inode, mode, size, modified, changed].join(' ')
  return [path, { signature, isFolder: type === 'd', bytes: Math.min(Number(size), Number(blocks) * 512) }]
}

/** What has changed since. Of nothing, all has. */
export function changesSince(before: Listing | undefined, now: Listing): Changes {
  const changed: string[] = []
  for (const [path, { signature }] of now.entries) {
    const known = before?.entries.get(path)?.signature
    if (known !== signature || (before && isFresh(signature, before.at))) changed.push(path)
  }
  const gone = new Set<string>()
  for (const [path, { isFolder }] of before?.entries ?? []) {
    if (now.entries.get(path)?.isFolder !== isFolder) gone.add(path)
  }
  // What was below a folder goes with it.
  return { changed, removed: [...gone].filter((path) => !gone.has(parentOf(path))) }
}

/** Changed so shortly before a look that a change after it may have left no trace. */
function isFresh(signature: string, lookedAt: number): boolean {
  const changedAt = Number(signature.slice(signature.lastIndexOf(' ') + 1)) * 1000
  return changedAt > lookedAt - tickMs
}

export const bytesOf = ({ entries }: Listing) => {
  let sum = 0
  for (const { bytes } of entries.values()) sum += bytes
  return sum
}

const parentOf = (path: string) => path.slice(0, Math.max(path.lastIndexOf('/'), 0))

/** Paths, each ended by a zero byte. */
export const toBytes = (paths: string[]) => Buffer.from(paths.map((path) => `${path}\0`).join(''), 'latin1')

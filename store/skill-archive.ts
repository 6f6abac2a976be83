import { crc32 } from 'node:zlib'
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl'
import { ZipFile as ZipWriter } from 'yazl'

/** A file of a skill. */
export interface SkillEntry {
  /** Relative, with `/`; nothing is known of it until somebody has checked it. */
  path: string
  content: Buffer
  isExecutable: boolean
}

/** Thrown for what is no archive of plain files, or holds too much. */
export class BadArchive extends Error {
  override readonly name = 'BadArchive'
  readonly isTooLarge: boolean
  constructor(message: string, { isTooLarge = false, cause }: { isTooLarge?: boolean; cause?: unknown } = {}) {
    super(message, { cause })
    this.isTooLarge = isTooLarge
  }
}

export interface ArchiveBounds {
  files: number
  /** Of all files together, unpacked. */
  bytes: number
}

/** What tools of macOS put beside the files. */
const ofFinder = /^__MACOSX\//
/** A file may be in a folder of its own, which has an entry, too, and macOS' tools make one more for each of them. */
const entriesPerFile = 4
const typeOfFile = 0o170000
const regular = 0o100000
const executable = 0o111

/**
 * Reads a zip archive whose maker is not trusted: what it says of its sizes is added up before anything is unpacked, and
 * each file is held to it. Folders are left out.
 * @throws BadArchive
 */
export async function readArchive(bytes: Uint8Array, bounds: ArchiveBounds): Promise<SkillEntry[]> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let zip: ZipFile | undefined
  try {
    zip = await fromBufferPromise(buffer, { lazyEntries: true, strictFileNames: true, validateEntrySizes: true })
    if (zip.entryCount > entriesPerFile * bounds.files) throw tooMany(bounds)
    const entries: Entry[] = []
    let size = 0
    for await (const entry of zip.eachEntry()) {
      if (ofFinder.test(entry.fileName)) continue
      checkKind(entry)
      if (entry.fileName.endsWith('/')) continue
      entries.push(entry)
      size += entry.uncompressedSize
      if (entries.length > bounds.files) throw tooMany(bounds)
      if (size > bounds.bytes) throw tooLong(bounds)
    }
    const files: SkillEntry[] = []
    for (const entry of entries) {
      const isExecutable = (modeOf(entry) & executable) !== 0
      files.push({ path: entry.fileName, content: await contentOf(zip, entry), isExecutable })
    }
    return files
  } catch (cause) {
    if (cause instanceof BadArchive) throw cause
    throw new BadArchive(`the zip archive cannot be read: ${(cause as Error).message}`, { cause })
  } finally {
    zip?.close()
  }
}

export const tooMany = ({ files }: ArchiveBounds) => new BadArchive(`more than ${files} files`)
export const tooLong = ({ bytes }: ArchiveBounds) =>
  new BadArchive(`the files are longer than ${bytes} bytes together`, { isTooLarge: true })

/** Unix' mode of an entry, 0 when its maker knew none. */
const modeOf = ({ externalFileAttributes }: Entry) => externalFileAttributes >>> 16

function checkKind(entry: Entry): void {
  const { fileName } = entry
  if (entry.isEncrypted()) throw new BadArchive(`${fileName} is encrypted`)
  const type = modeOf(entry) & typeOfFile
  const isFolder = fileName.endsWith('/')
  if (type !== 0 && type !== regular && !isFolder) throw new BadArchive(`${fileName} is a link, or no plain file`)
}

async function contentOf(zip: ZipFile, entry: Entry): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of await zip.openReadStreamPromise(entry)) pieces.push(piece as Buffer)
  const content = Buffer.concat(pieces)
  if (crc32(content) !== entry.crc32) throw new BadArchive(`${entry.fileName} is damaged`)
  return content
}

/** Entries are all of the same time: equal files make equal archives. */
const mtime = new Date(Date.UTC(2000, 0, 1))

/** A zip archive of these files, in the order of their paths. */
export async function writeArchive(files: readonly SkillEntry[]): Promise<Buffer> {
  const zip = new ZipWriter()
  for (const { path, content, isExecutable } of files.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    zip.addBuffer(content, path, { mtime, mode: regular | (isExecutable ? 0o755 : 0o644) })
  }
  zip.end()
  const pieces: Buffer[] = []
  for await (const piece of zip.outputStream) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

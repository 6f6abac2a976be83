import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { type ApiError, invalidRequest, tooLarge } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import { type FrontMatter, readFrontMatter } from '../protocol/skill-front-matter.ts'
import type { SkillFile } from '../protocol/skills.ts'
import { BadArchive, readArchive, type SkillEntry, tooLong, tooMany, writeArchive } from '../store/skill-archive.ts'

/** What is stored of a version, and what its SKILL.md says. */
export interface SkillContent extends FrontMatter {
  /** Zip archive of the files, all below a folder with the skill's name. */
  archive: Buffer
  /** Of the archive, hex. */
  sha256: string
}

const bounds = { files: limits.skillFiles, bytes: limits.skillBytes }
/** What a zip archive begins with: its first file, or its end when it is empty. */
const signatures = [Buffer.from('PK\x03\x04'), Buffer.from('PK\x05\x06')]

/**
 * Checks the files of a skill and puts them together as they are kept. Source: spec §20.
 * @throws ApiError 400 that names what is wrong, 413 for more than a skill may have
 */
export async function skillContent(given: readonly SkillFile[]): Promise<SkillContent> {
  if (!Array.isArray(given) || given.length === 0) throw invalidRequest('files: are missing')
  try {
    const files = await read(given)
    const folder = checkPaths(files)
    const main = files.find(({ path }) => path === `${folder}/SKILL.md`)
    if (!main) throw invalidRequest(`files: there is no SKILL.md in ${folder}, the folder that all of them are in`)
    const { name, description } = readFrontMatter(main.content, folder)
    const renamed = files.map(({ path, content, isExecutable }) => ({
      path: name + path.slice(folder.length),
      content,
      isExecutable: isExecutable || isScript(content),
    }))
    const archive = await writeArchive(renamed)
    return { name, description, archive, sha256: createHash('sha256').update(archive).digest('hex') }
  } catch (error) {
    throw error instanceof BadArchive ? refusal(error) : error
  }
}

/** Not every client and archive tells modes. */
const isScript = (content: Buffer) => content.subarray(0, 2).toString('latin1') === '#!'

function refusal(cause: BadArchive): ApiError {
  return (cause.isTooLarge ? tooLarge : invalidRequest)(`files: ${cause.message}`, { cause })
}

/** The files as they were given, or those of the one archive that was. */
async function read(given: readonly SkillFile[]): Promise<SkillEntry[]> {
  if (given.length > bounds.files) throw tooMany(bounds)
  const files: SkillEntry[] = []
  let left = bounds.bytes
  for (const [index, file] of given.entries()) {
    // An archive may be a little longer than what is in it.
    const most = given.length === 1 ? left * 2 : left
    const content = await bytesOf(file?.content, most, `files.${index}`)
    left -= content.length
    files.push({ path: String(file.filename ?? ''), content, isExecutable: false })
  }
  const [first] = files
  const isArchive = files.length === 1 && signatures.some((bytes) => first!.content.subarray(0, 4).equals(bytes))
  if (isArchive) return readArchive(first!.content, bounds)
  if (left < 0) throw tooLong(bounds)
  return files
}

async function bytesOf(content: unknown, most: number, where: string): Promise<Buffer> {
  if (content instanceof Uint8Array) {
    if (content.length > most) throw tooLong(bounds)
    return Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  }
  if (content instanceof Blob) {
    if (content.size > most) throw tooLong(bounds)
    return Buffer.from(await content.arrayBuffer())
  }
  if (!(content instanceof Readable)) {
    throw invalidRequest(`${where}.content: is missing, or is neither a Readable, a Uint8Array nor a Blob`)
  }
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of content) {
    length += piece.length
    if (length > most) throw tooLong(bounds)
    pieces.push(Buffer.from(piece))
  }
  return Buffer.concat(pieces, length)
}

/** The folder that all paths begin with. None leads out of it, and none is in another's way. */
function checkPaths(files: readonly SkillEntry[]): string {
  const taken = new Map<string, 'file' | 'folder'>()
  const tops = new Set<string>()
  let folders = 0
  for (const { path } of files) {
    const problem = pathProblem(path)
    if (problem) throw invalidRequest(`files: ${JSON.stringify(path.slice(0, limits.skillPathBytes))} ${problem}`)
    const parts = path.split('/')
    tops.add(parts[0]!)
    const other = taken.get(path)
    if (other) throw invalidRequest(`files: ${path} is ${other === 'file' ? 'there twice' : 'a file and a folder'}`)
    taken.set(path, 'file')
    for (let depth = 1; depth < parts.length; depth++) {
      const above = parts.slice(0, depth).join('/')
      const known = taken.get(above)
      if (known === 'file') throw invalidRequest(`files: ${above} is a file and a folder`)
      if (known === 'folder') continue
      if (++folders > limits.skillFolders) throw invalidRequest(`files: more than ${limits.skillFolders} folders`)
      taken.set(above, 'folder')
    }
  }
  if (tops.size === 1) return [...tops][0]!
  throw invalidRequest(
    tops.size === 0
      ? 'files: the archive is empty'
      : `files: all of them have to be in one folder, with a SKILL.md in it; these are in ${tops.size}`,
  )
}

function pathProblem(path: string): string | undefined {
  if (Buffer.byteLength(path) > limits.skillPathBytes) return `is longer than ${limits.skillPathBytes} bytes`
  const parts = path.split('/')
  if (parts.length < 2) return 'is in no folder: all files have to be in one, as in my-skill/SKILL.md'
  if (parts.some((part) => part === '' || part === '.' || part === '..')) return 'has empty, "." or ".." parts'
  if (parts.some((part) => Buffer.byteLength(part) > 255)) return 'has a part that is longer than 255 bytes'
  if (/[\p{Cc}\\]/u.test(path) || !path.isWellFormed()) return 'has a backslash or a control character'
  return undefined
}

import { ZipFile } from 'yazl'

/** The text of a SKILL.md. */
export const skillText = (name: string, description: string, rest = '# How\n') =>
  `---\nname: ${name}\ndescription: ${description}\n---\n${rest}`

/** Files as clients send them, by path. */
export const skillFiles = (contents: Record<string, string>): File[] =>
  Object.entries(contents).map(([path, content]) => new File([content], path))

interface Options {
  mode?: number
  compress?: boolean
}

/** A zip archive of what it is given, however wrong. */
export async function zipOf(entries: [path: string, content: string | Buffer, options?: Options][]): Promise<Buffer> {
  const zip = new ZipFile()
  for (const [path, content, options = {}] of entries) {
    if (path.endsWith('/')) zip.addEmptyDirectory(path, options)
    else zip.addBuffer(Buffer.from(content), path, options)
  }
  zip.end()
  const pieces: Buffer[] = []
  for await (const piece of zip.outputStream) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

/** The bytes with one text in the place of another of the same length, wherever it stands. */
export function patched(bytes: Buffer, from: string | Buffer, to: string | Buffer): Buffer {
  const [before, after] = [Buffer.from(from), Buffer.from(to)]
  const copy = Buffer.from(bytes)
  for (let at = copy.indexOf(before); at >= 0; at = copy.indexOf(before, at + 1)) after.copy(copy, at)
  return copy
}

export async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

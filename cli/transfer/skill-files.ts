import { openAsBlob } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { limits } from '../../protocol/limits.ts'
import { usageError } from '../failure.ts'

/** The files of a skill in a folder, named as the API wants them, or a zip archive of them. */
export async function skillFiles(place: string): Promise<File[]> {
  const found = await stat(place).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${place} cannot be read (${error.code})`)
  })
  if (!found.isDirectory()) return [new File([await openAsBlob(place)], path.basename(place))]
  const folder = path.resolve(place)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files: File[] = []
  for (const entry of entries) {
    if (entry.isDirectory()) continue
    const file = path.join(entry.parentPath, entry.name)
    if (!entry.isFile()) throw usageError(`${file} is a link, or no plain file`)
    if (files.length === limits.skillFiles) throw usageError(`${place} has more than ${limits.skillFiles} files`)
    const name = path.relative(path.dirname(folder), file).replaceAll(path.sep, '/')
    files.push(new File([await openAsBlob(file)], name))
  }
  return files
}

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Listing } from './listing.ts'

/** What this host knows of the files as the newest snapshot has them: what differs is to be saved. */
export interface Index {
  /** Of the snapshot. */
  sequence: number
  listing: Listing
}

const fileIn = (notes: string) => path.join(notes, 'index')

/** The index, or undefined when there is none that can be read: then everything is saved anew. */
export async function readIndex(notes: string): Promise<Index | undefined> {
  const text = await readFile(fileIn(notes), 'latin1').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const { sequence, at, entries } = JSON.parse(text)
    return { sequence, listing: { at, entries: new Map(entries) } }
  } catch {
    return undefined
  }
}

/** Not synced: one that is lost costs a whole snapshot, and one of an older sequence is as good as lost. */
export async function writeIndex(notes: string, { sequence, listing: { at, entries } }: Index): Promise<void> {
  await mkdir(notes, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const partial = `${fileIn(notes)}.${process.pid}`
  try {
    await writeFile(partial, JSON.stringify({ sequence, at, entries: [...entries] }), {
      encoding: 'latin1',
      mode: 0o600,
    })
    await rename(partial, fileIn(notes))
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

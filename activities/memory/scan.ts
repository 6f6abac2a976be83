import type { BigIntStats } from 'node:fs'
import { limits } from '../../protocol/limits.ts'
import { memoryPathProblem } from '../../protocol/memory-path.ts'
import { breathe } from './breathe.ts'
import { type HeldFolder, isOneOf } from './held-folder.ts'

/** Files and folders that are looked at in one store's folder; it may hold no more memories than a fifth of them. */
const mostEntries = 5 * limits.memoriesPerStore
/** What cannot be a memory, at most: a store's folder is no place for other things. */
const mostProblems = 1000
/** Two changes of a file that are nearer to each other than this may bear the same times. */
const tickMs = 100

export interface Scan {
  /** The regular files by their paths as memories, with what tells a change of them. */
  files: Map<string, string | undefined>
  /** What lies there and cannot be a memory, and why. What lies below was not looked at. */
  problems: Map<string, string>
  /** False when there was too much: what is not in the scan may be there nevertheless. */
  complete: boolean
}

/**
 * What changes whenever the content does: without reading the file. Undefined when that is not sure yet, because the
 * file has changed just now.
 */
export function stampOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string | undefined {
  const settled = ctimeNs / 1_000_000n < BigInt(Date.now() - tickMs)
  return settled ? `${ino}:${size}:${mtimeNs}:${ctimeNs}` : undefined
}

/** Looks through a store's folder, once; reads no file. */
export async function scan(root: HeldFolder): Promise<Scan> {
  const found: Scan = { files: new Map(), problems: new Map(), complete: true }
  let seen = 0

  async function walk(folder: HeldFolder, above: string): Promise<void> {
    for (const { name, kind } of folder.entries()) {
      await breathe()
      if (++seen > mostEntries || found.problems.size > mostProblems) {
        found.complete = false
        return
      }
      if (name === undefined) {
        found.problems.set(`${above}/`, 'a file with a name that is not UTF-8 was not saved')
        continue
      }
      const path = `${above}/${name}`
      const problem = memoryPathProblem(path)
      if (problem) found.problems.set(path, `not saved: its path ${problem}`)
      else if (kind === 'link') found.problems.set(path, 'not saved: it is a symbolic link')
      else if (kind === 'other') found.problems.set(path, 'not saved: it is no regular file')
      else if (kind === 'folder') await enter(folder, name, path)
      else {
        const stat = folder.stat(name)
        if (stat?.isFile()) found.files.set(path, stampOf(stat))
      }
    }
  }

  async function enter(folder: HeldFolder, name: string, path: string): Promise<void> {
    try {
      using child = folder.child(name)
      if (child) await walk(child, path)
    } catch (error) {
      if (!isOneOf(error, ['EACCES', 'EPERM'])) throw error
      found.problems.set(path, 'not saved: the folder cannot be read')
    }
  }

  await walk(root, '')
  if (!found.complete) found.problems.set('/', `holds too many files that are no memories: not all of it was looked at`)
  return found
}

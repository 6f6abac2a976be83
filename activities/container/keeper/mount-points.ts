import { constants } from 'node:fs'
import { lchown, lstat, mkdir, open, readFile, rename, rmdir, unlink, writeFile } from 'node:fs/promises'
import { Beneath } from '../../beneath.ts'
import type { ContainerNotice, Mount } from '../provider.ts'
import type { SessionFolder } from './session-folder.ts'

/** What was made so that something can be mounted on it; paths inside, folders outermost first. */
interface Made {
  files: string[]
  folders: string[]
}

export interface MountPoints {
  /** Those that have a place. */
  mounts: Mount[]
  /** What the agent has to know of the others. */
  notices: ContainerNotice[]
}

/** Where bubblewrap makes what is missing: empty, for reading. So do we. */
const emptyMode = 0o444

/**
 * Makes the places of mounts that lie in what the agent writes (files, all of them), and removes those of earlier mounts.
 * Bubblewrap would make them by following the agent's symbolic links, at a moment at which the host's files are still in
 * its reach. What has something else in its way is left out. To be called while nothing runs in the container.
 * @param uid the container's user, when it is not this process's
 */
export async function makeMountPoints(
  folder: SessionFolder,
  mounts: Mount[],
  uid: number | undefined,
): Promise<MountPoints> {
  const before = await readMade(folder)
  const inTrees = mounts.filter(({ target }) => treeOf(folder, target))
  if (inTrees.length === 0 && before.files.length + before.folders.length === 0) return { mounts, notices: [] }
  const wanted = inTrees.map(({ target }) => target)
  await removeStale(folder, before, wanted)
  const made: Made = { files: [], folders: before.folders.filter((path) => isAbove(path, wanted)) }
  const notices: ContainerNotice[] = []
  const left = new Set<Mount>()
  for (const mount of inTrees) {
    try {
      const { isOurs, folders } = await makePlace(folder, mount.target, uid)
      if (isOurs) made.files.push(mount.target)
      made.folders.push(...folders)
    } catch (error) {
      if (!(error instanceof InTheWay)) throw error
      left.add(mount)
      const text = `${mount.target} could not be put in its place: ${error.message}. The file is also at ${uploads}${mount.target}.`
      notices.push({ text })
    }
  }
  await writeMade(folder, made)
  return { mounts: mounts.filter((mount) => !left.has(mount)), notices }
}

const uploads = '/mnt/session/uploads'

/** Something that the agent made lies where a mount is to be. */
class InTheWay extends Error {}

/** The folder on the host that holds a path which the agent can write, and the parts of the path below it. */
function treeOf({ layout }: SessionFolder, target: string): { tree: string; parts: string[] } | undefined {
  const trees = { '/workspace': layout.workspace, '/mnt/session/outputs': layout.outputs, '/home/agent': layout.home }
  for (const [at, tree] of Object.entries(trees)) {
    if (target.startsWith(`${at}/`)) return { tree, parts: target.slice(at.length + 1).split('/') }
  }
  return undefined
}

/** Makes what is missing of a file's place; `isOurs` when nothing but us can have made it. */
async function makePlace(
  folder: SessionFolder,
  target: string,
  uid: number | undefined,
): Promise<{ isOurs: boolean; folders: string[] }> {
  const { tree, parts } = treeOf(folder, target)!
  const name = parts.pop()!
  const root = target.slice(0, -[...parts, name].join('/').length)
  const folders: string[] = []
  const at = await descend(tree, parts, (above, part, index) => {
    const path = root + parts.slice(0, index + 1).join('/')
    return enter(above, part, path, async () => {
      await mkdir(above.at(part), { mode: 0o755 })
      if (uid !== undefined) await lchown(above.at(part), uid, uid)
      folders.push(path)
    })
  })
  try {
    return { isOurs: await ensureFile(at, name, target, uid), folders }
  } finally {
    await at.close()
  }
}

/** Opens the folder at the end of a way, one part below the other. */
async function descend(
  tree: string,
  parts: string[],
  enter: (at: Beneath, part: string, index: number) => Promise<Beneath>,
): Promise<Beneath> {
  let at = await Beneath.open(tree)
  for (const [index, part] of parts.entries()) {
    const above = at
    try {
      at = await enter(above, part, index)
    } finally {
      await above.close()
    }
  }
  return at
}

async function enter(at: Beneath, part: string, path: string, make: () => Promise<void>): Promise<Beneath> {
  try {
    return await at.folder(part)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw inTheWay(error, path, 'no folder')
  }
  try {
    await make()
    return await at.folder(part)
  } catch (error) {
    throw inTheWay(error, path, 'no folder')
  }
}

async function ensureFile(at: Beneath, name: string, target: string, uid: number | undefined): Promise<boolean> {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants
  try {
    const file = await open(at.at(name), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, emptyMode)
    try {
      if (uid !== undefined) await file.chown(uid, uid)
    } finally {
      await file.close()
    }
    return true
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw inTheWay(error, target, 'no file')
  }
  const there = await lstat(at.at(name))
  if (!there.isFile()) throw new InTheWay(`${target} is something else there`)
  // As one that was made before looks, here or on the host that the session comes from.
  return isEmptyPlace(there)
}

const isEmptyPlace = ({ size, mode, nlink }: { size: number; mode: number; nlink: number }) =>
  size === 0 && (mode & 0o777) === emptyMode && nlink === 1

function inTheWay(error: unknown, path: string, what: string): unknown {
  const code = codeOf(error) ?? ''
  if (['ENOTDIR', 'ELOOP'].includes(code)) return new InTheWay(`${path} is ${what}`)
  if (['EACCES', 'EPERM', 'ENAMETOOLONG'].includes(code)) return new InTheWay(`${path} cannot be made (${code})`)
  return error
}

/** Removes places that nothing is mounted on any more, as far as they are as they were made. */
async function removeStale(folder: SessionFolder, made: Made, wanted: string[]): Promise<void> {
  for (const path of made.files.filter((path) => !wanted.includes(path))) {
    await within(folder, path, async (at, name) => {
      const there = await lstat(at.at(name))
      if (there.isFile() && isEmptyPlace(there)) await unlink(at.at(name))
    })
  }
  for (const path of made.folders.toReversed().filter((path) => !isAbove(path, wanted))) {
    // One that holds something stays.
    await within(folder, path, (at, name) => rmdir(at.at(name)))
  }
}

/** Does something in the folder that holds this path, when the agent has left the way there; what fails stays as it is. */
async function within(
  folder: SessionFolder,
  path: string,
  work: (at: Beneath, name: string) => Promise<void>,
): Promise<void> {
  const place = treeOf(folder, path)
  if (!place) return
  const name = place.parts.pop()!
  let at: Beneath | undefined
  try {
    at = await descend(place.tree, place.parts, (above, part) => above.folder(part))
    await work(at, name)
  } catch {
    // It is the agent's now.
  } finally {
    await at?.close()
  }
}

const isAbove = (path: string, wanted: string[]) => wanted.some((target) => target.startsWith(`${path}/`))

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

async function readMade({ mountPoints }: SessionFolder): Promise<Made> {
  try {
    return JSON.parse(await readFile(mountPoints, 'utf8'))
  } catch {
    // None was ever made, or the file was cut off: then those that are still wanted are known by their looks.
    return { files: [], folders: [] }
  }
}

async function writeMade({ mountPoints }: SessionFolder, made: Made): Promise<void> {
  const partial = `${mountPoints}.new`
  await writeFile(partial, JSON.stringify(made), { mode: 0o600 })
  await rename(partial, mountPoints)
}

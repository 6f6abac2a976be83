import { createHash } from 'node:crypto'
import { readdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { alone } from '../../alone.ts'

/** Users of the host from which containers get one each, when the keeper runs as root. */
const firstUid = 200_000
const uidsPerHost = 1_000_000

/** The user that a session's folder was given. */
export async function userOf(folder: string): Promise<number | undefined> {
  const known = await readFile(path.join(folder, 'uid'), 'utf8').catch(() => undefined)
  return known ? Number(known) : undefined
}

/** Gives a session's folder a user that no other session below the same root has. */
export function giveUser(root: string, folder: string): Promise<number> {
  return alone(`users of ${root}`, async () => {
    const start = firstOffset(root)
    const uid = uidOf(start, await nextOffset(root, start))
    await writeFile(path.join(folder, 'uid'), String(uid))
    return uid
  })
}

/** A place of the root's own, so that two data folders on a host do not share users. */
const firstOffset = (root: string) => createHash('sha256').update(root).digest().readUInt32LE() % uidsPerHost

const uidOf = (start: number, offset: number) => firstUid + ((start + offset) % uidsPerHost)

/** The one after the last that was given: with many sessions on a host, a new one does not look at all of them. */
async function nextOffset(root: string, start: number): Promise<number> {
  const count = path.join(root, 'users')
  const counted = await readFile(count, 'utf8').catch(() => '')
  // What a loss of power left of it may be no number.
  const given = /^\d+$/.test(counted) ? Number(counted) : (await highestOffset(root, start)) + 1
  if (given >= uidsPerHost) return freeOffset(root, start)
  // Counted first: a process that is killed here leaves one out.
  await writeFile(`${count}.new`, String(given + 1))
  await rename(`${count}.new`, count)
  return given
}

/** -1 when no session has a user yet. */
async function highestOffset(root: string, start: number): Promise<number> {
  const offsets = [...(await taken(root))].map((uid) => (uid - firstUid - start + uidsPerHost) % uidsPerHost)
  return offsets.reduce((one, other) => Math.max(one, other), -1)
}

/** Every one was given once: now it is one that no session has any more. */
async function freeOffset(root: string, start: number): Promise<number> {
  const users = await taken(root)
  let offset = 0
  while (users.has(uidOf(start, offset))) offset++
  return offset
}

async function taken(root: string): Promise<Set<number>> {
  const users = new Set<number>()
  for (const name of await readdir(root).catch(() => [])) {
    const uid = await userOf(path.join(root, name))
    if (uid !== undefined) users.add(uid)
  }
  return users
}

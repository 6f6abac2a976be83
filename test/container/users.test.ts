import { chown, lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SessionFolder } from '../../activities/container/keeper/session-folder.ts'
import { giveUser, userOf } from '../../activities/container/keeper/users.ts'
import { giveWritableMounts } from '../../activities/container/keeper/writable-mounts.ts'
import { removeTree } from '../../activities/remove-tree.ts'
import { longName, makeDeep } from '../support/deep-folders.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
})
afterEach(() => removeTree(root))

async function session(name: string): Promise<string> {
  const folder = path.join(root, name)
  await mkdir(folder)
  return folder
}
const give = async (name: string) => giveUser(root, await session(name))

describe('the users of containers', () => {
  it('are one for each session, also for many at once', async () => {
    const users = await Promise.all(Array.from({ length: 20 }, (_, index) => give(`sesn_${index}`)))
    expect(new Set(users).size).toBe(20)
    expect(await userOf(path.join(root, 'sesn_7'))).toBe(users[7])
  })

  it('of sessions that are gone are not given again before all were', async () => {
    const first = await give('sesn_1')
    await rm(path.join(root, 'sesn_1'), { recursive: true })
    expect(await give('sesn_2')).not.toBe(first)
  })

  it.each([
    ['gone', () => rm(path.join(root, 'users'))],
    ['no number', () => writeFile(path.join(root, 'users'), '\0\0')],
  ])('stay theirs when the count of them is %s', async (_how, spoil) => {
    const users = [await give('sesn_1'), await give('sesn_2'), await give('sesn_3')]
    await rm(path.join(root, 'sesn_2'), { recursive: true })
    await spoil()
    users.push(await give('sesn_4'), await give('sesn_5'))
    expect(new Set(users).size).toBe(5)
  })

  it('are those of sessions that are gone when all were given', async () => {
    const [first, second] = [await give('sesn_1'), await give('sesn_2')]
    await rm(path.join(root, 'sesn_1'), { recursive: true })
    await writeFile(path.join(root, 'users'), '1000000')
    expect(await give('sesn_3')).toBe(first)
    const fourth = await give('sesn_4')
    expect([first, second]).not.toContain(fourth)
    expect(await readFile(path.join(root, 'users'), 'utf8')).toBe('1000000')
  })
})

describe.runIf(process.getuid?.() === 0)('a folder that a container may write to', () => {
  it('is given to its user, however deep, and nothing that it links to', async () => {
    const [folder, outside] = [await session('memory'), await session('outside')]
    await makeDeep(folder, { levels: 20 })
    await symlink(outside, path.join(folder, 'link'))
    await giveWritableMounts([{ source: folder, target: '/mnt/memory/notes', mode: 'rw' }], 4321)
    const owners = await Promise.all(
      [folder, path.join(folder, longName), path.join(folder, 'link'), outside].map((file) => lstat(file)),
    )
    expect(owners.map(({ uid }) => uid)).toEqual([4321, 4321, 4321, 0])
  })
})

describe.runIf(process.getuid?.() === 0)("a session's folders", () => {
  it("are its user's also when who made them was killed before it gave them away, and what is in them stays whose it is", async () => {
    const folder = new SessionFolder(root, 'sesn_1')
    const uid = await folder.prepare()
    const { workspace, outputs, home } = folder.layout
    const file = path.join(workspace, 'file')
    await writeFile(file, '')
    // As mkdir leaves it.
    await chown(workspace, 0, 0)
    await rm(outputs, { recursive: true })
    expect(await new SessionFolder(root, 'sesn_1').prepare()).toBe(uid)
    const owners = await Promise.all([workspace, outputs, home, file].map((one) => lstat(one)))
    expect(owners.map((owner) => owner.uid)).toEqual([uid, uid, uid, 0])
    expect(owners.slice(0, 3).map(({ gid }) => gid)).toEqual([uid, uid, uid])
  })
})

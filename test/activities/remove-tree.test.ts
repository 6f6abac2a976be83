import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SessionFiles } from '../../activities/container/bubblewrap/session-files.ts'
import { SessionFolder } from '../../activities/container/keeper/session-folder.ts'
import { LayerStore } from '../../activities/packages/layer-store.ts'
import { removeTree } from '../../activities/remove-tree.ts'
import { newId } from '../../protocol/ids.ts'
import { aSessionOf, aStore } from '../memory/folders.ts'
import { makeDeep } from '../support/deep-folders.ts'

const key = 'a'.repeat(64)

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  onTestFinished(() => removeTree(folder))
  return folder
}

describe('folders that lie deeper than a path can name', () => {
  const levels = 40

  it('go with the session that made them', async () => {
    const root = await aFolder()
    const folder = new SessionFolder(root, newId('session'))
    await folder.prepare()
    await makeDeep(folder.layout.workspace, { levels })
    await makeDeep(folder.layout.outputs, { levels })
    await folder.remove()
    expect(existsSync(folder.path)).toBe(false)
  })

  it('go with the memory folders that they are in, and harm no memory before', async () => {
    const store = await aStore({ '/a.md': 'kept' })
    onTestFinished(() => removeTree(store.directory))
    const { session, memory, folder, faults, prepare, save, write } = await aSessionOf(store)
    await prepare()
    await makeDeep(folder, { levels })
    await write('/b.md', 'new')
    expect(await save()).toContain('not saved: its path is longer than 1024 bytes')
    expect(faults).toEqual([])
    expect(await store.contents()).toEqual({ '/a.md': 'kept', '/b.md': 'new' })
    await memory.remove(session.id)
    expect(await memory.sessions()).toEqual([])
  })

  it('go with what was half restored, and with packages that nobody uses or that failed', async () => {
    const root = await aFolder()
    const half = path.join(root, `restoring_${newId('session')}_0`)
    await mkdir(path.join(half, 'workspace'), { recursive: true })
    await makeDeep(path.join(half, 'workspace'), { levels })
    await new SessionFiles(async () => root).collect()

    const store = new LayerStore(root)
    const layer = await store.obtain(key, (folder) => makeDeep(folder, { levels }))
    const failed = store.obtain('b'.repeat(64), async (folder) => {
      await makeDeep(folder, { levels })
      throw new Error('npm: no such package')
    })
    await expect(failed).rejects.toThrow('npm: no such package')
    await utimes(layer, 0, 0)
    await store.collect(5000)
    expect(await readdir(root)).toEqual([])
  })
})

describe('a folder that is removed', () => {
  it('takes nothing with it that its links lead to', async () => {
    const root = await aFolder()
    await mkdir(path.join(root, 'outside'), { mode: 0o500 })
    await writeFile(path.join(root, 'file'), 'kept', { mode: 0o400 })
    const folder = path.join(root, 'folder')
    await mkdir(path.join(folder, 'below'), { recursive: true })
    await symlink(path.join(root, 'outside'), path.join(folder, 'link'))
    await symlink('../../file', path.join(folder, 'below', 'link'))
    await removeTree(folder)
    expect(await readdir(root)).toEqual(['file', 'outside'])
    expect(await readFile(path.join(root, 'file'), 'utf8')).toBe('kept')
    expect((await stat(path.join(root, 'outside'))).mode & 0o777).toBe(0o500)
  })

  it('goes when it was closed to its owner, also when that is not root', async () => {
    const root = await aFolder()
    const folder = path.join(root, 'folder')
    const inner = path.join(folder, 'closed', 'within')
    await mkdir(inner, { recursive: true })
    const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    if (user.uid) for (const owned of [root, folder, path.dirname(inner), inner]) await chown(owned, user.uid, user.gid)
    await makeDeep(inner, { levels: 20 })
    if (user.uid) await promisify(execFile)('chown', ['-R', `${user.uid}:${user.gid}`, inner])
    await chmod(inner, 0o000)
    await chmod(path.dirname(inner), 0o000)
    const module = new URL('../../activities/remove-tree.ts', import.meta.url).href
    const script = `await (await import(${JSON.stringify(module)})).removeTree(${JSON.stringify(folder)})`
    await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], user)
    expect(await readdir(root)).toEqual([])
  })

  it('may be gone already', async () => {
    await removeTree(path.join(await aFolder(), 'none', 'below'))
  })

  it('and cannot be is an error in the words of rm', async () => {
    await expect(removeTree(`${await aFolder()}/.`)).rejects.toThrow(/^rm: refusing to remove/)
  })
})

describe('what a host collects', () => {
  it('goes although something beside it cannot', async () => {
    const root = await aFolder()
    for (const ending of ['-no-id', 1, 2]) await mkdir(path.join(root, `restoring_${ending}`))
    await expect(new SessionFiles(async () => root).collect()).rejects.toThrow()
    expect(await readdir(root)).toEqual(['restoring_-no-id'])
  })
})

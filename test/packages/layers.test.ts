import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { layerKey, wantedPackages } from '../../activities/packages/layer-key.ts'
import { LayerStore } from '../../activities/packages/layer-store.ts'
import type { Packages } from '../../protocol/environments.ts'

const none: Packages = { type: 'packages', apt: [], cargo: [], gem: [], go: [], npm: [], pip: [] }
const key = 'a'.repeat(64)

describe('the key of a layer', () => {
  const keyOf = (names: string[], manager: 'npm' | 'pip' = 'pip', base = 'debian 12') => {
    const [wanted] = wantedPackages({ ...none, [manager]: names })
    return wanted && layerKey(wanted, base)
  }

  it('is the same whatever the order and the repetitions', () => {
    expect(keyOf(['b', 'a==1.0', 'b'])).toMatch(/^[0-9a-f]{64}$/)
    expect(keyOf(['a==1.0', 'b'])).toBe(keyOf(['b', 'a==1.0', 'b']))
  })

  it('is another for another pin, manager or base', () => {
    const keys = [keyOf(['a==1']), keyOf(['a==2']), keyOf(['a==1'], 'npm'), keyOf(['a==1'], 'pip', 'debian 13')]
    expect(new Set(keys).size).toBe(keys.length)
  })
})

describe('what is to be installed', () => {
  it('comes from managers in alphabetical order', () => {
    const wanted = wantedPackages({ ...none, pip: ['p'], apt: ['a'], go: ['g'] })
    expect(wanted.map(({ manager }) => manager)).toEqual(['apt', 'go', 'pip'])
  })

  it('is nothing without packages', () => {
    expect(wantedPackages(none)).toEqual([])
  })
})

describe('layers on a host', () => {
  let root: string
  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-layers-'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  it('are built once for all who ask at the same time', async () => {
    let builds = 0
    const build = async (folder: string) => {
      builds++
      await writeFile(path.join(folder, 'tool'), 'whole')
    }
    const folders = await Promise.all([1, 2, 3].map(() => new LayerStore(root).obtain(key, build)))
    expect(builds).toBe(1)
    expect(new Set(folders).size).toBe(1)
    expect(await readFile(path.join(folders[0] ?? '', 'tool'), 'utf8')).toBe('whole')
  })

  it('are tried again after a build that failed, of which nothing stays', async () => {
    const store = new LayerStore(root)
    const failed = store.obtain(key, async (folder) => {
      await writeFile(path.join(folder, 'half'), '')
      throw new Error('npm: no such package')
    })
    await expect(failed).rejects.toThrow('npm: no such package')
    expect(await readdir(root)).toEqual([])
    const layer = await store.obtain(key, (folder) => writeFile(path.join(folder, 'tool'), ''))
    expect(await readdir(layer)).toEqual(['tool'])
  })

  it('are built anew after a build that was killed', async () => {
    const module = new URL('../../activities/packages/layer-store.ts', import.meta.url).href
    const script = `
      import { writeFileSync } from 'node:fs'
      import { LayerStore } from ${JSON.stringify(module)}
      await new LayerStore(${JSON.stringify(root)}).obtain(${JSON.stringify(key)}, async (folder) => {
        writeFileSync(folder + '/half', '')
        console.log('building')
        await new Promise((resolve) => setInterval(resolve, 2 ** 30))
      })`
    const builder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(builder, 'exit')
    try {
      await once(builder.stdout, 'data')
      await expect(access(path.join(root, key))).rejects.toThrow()
    } finally {
      builder.kill('SIGKILL')
      await ended
    }
    const layer = await new LayerStore(root).obtain(key, (folder) => writeFile(path.join(folder, 'tool'), ''))
    expect(await readdir(layer)).toEqual(['tool'])
    expect(await readdir(root)).toEqual([key])
  })

  it('refuse a name that is not a key', async () => {
    await expect(new LayerStore(root).obtain('../elsewhere', async () => {})).rejects.toThrow(TypeError)
  })

  it('go when nobody has used them for long, and with them what killed builds left', async () => {
    const store = new LayerStore(root)
    const old = await store.obtain(key, async () => {})
    const used = await store.obtain('b'.repeat(64), async () => {})
    await mkdir(path.join(root, `${'c'.repeat(64)}.building-x`))
    const longAgo = new Date(Date.now() - 10_000)
    await utimes(old, longAgo, longAgo)
    await store.collect(5000)
    expect(await readdir(root)).toEqual([path.basename(used)])
  })

  it('are not there any more when who removed them was killed half way', async () => {
    const store = new LayerStore(root)
    const build = async (folder: string) => {
      for (const name of ['first', 'second']) await writeFile(path.join(folder, name), '')
    }
    const layer = await store.obtain(key, build)
    await utimes(layer, 0, 0)
    const programs = await mkdtemp(path.join(os.tmpdir(), 'holdfast-programs-'))
    onTestFinished(() => rm(programs, { recursive: true }))
    await writeFile(path.join(programs, 'rm'), '#!/bin/sh\n/bin/rm -f "$3/first"\nexit 1\n', { mode: 0o755 })
    vi.stubEnv('PATH', `${programs}:${process.env.PATH}`)
    try {
      await expect(store.collect(5000)).rejects.toThrow('rm ended with 1')
    } finally {
      vi.unstubAllEnvs()
    }
    expect(await store.find(key)).toBeUndefined()
    expect(await readdir(await store.obtain(key, build))).toEqual(['first', 'second'])
    await store.collect(5000)
    expect(await readdir(root)).toEqual([key])
  })
})

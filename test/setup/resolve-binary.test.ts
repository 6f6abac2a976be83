import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { install } from '../../worker/temporal-server/install.ts'
import { cacheDirectory } from '../../worker/temporal-server/release.ts'
import {
  findBinary,
  type Provision,
  resolveBinary,
  TemporalUnavailable,
} from '../../worker/temporal-server/resolve-binary.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** A program that answers `--version` as the Temporal CLI does, or with other words. */
async function fakeBinary(file: string, answer = 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'): Promise<string> {
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, `#!/bin/sh\necho '${answer}'\n`)
  await chmod(file, 0o755)
  return file
}

const fails =
  (message: string): Provision =>
  async () => {
    throw new Error(message)
  }
const puts: Provision = async (target) => {
  await fakeBinary(target)
}

describe('the Temporal binary', () => {
  it('is the one that TEMPORAL_CLI_PATH names, before one on PATH', async () => {
    const folder = await temporaryFolder()
    const named = await fakeBinary(path.join(folder, 'mine'))
    await fakeBinary(path.join(folder, 'bin', 'temporal'))
    const env = { TEMPORAL_CLI_PATH: named, PATH: path.join(folder, 'bin'), XDG_CACHE_HOME: folder }
    expect(await resolveBinary({ env })).toEqual({ path: named, source: 'TEMPORAL_CLI_PATH' })
  })

  it('is the one on PATH before the cached one', async () => {
    const folder = await temporaryFolder()
    const onPath = await fakeBinary(path.join(folder, 'bin', 'temporal'))
    const env = { PATH: `/nowhere:${path.join(folder, 'bin')}`, XDG_CACHE_HOME: folder }
    await fakeBinary(path.join(cacheDirectory(env), 'temporal'))
    expect(await resolveBinary({ env })).toEqual({ path: onPath, source: 'PATH' })
  })

  it('is not another program on PATH that has its name', async () => {
    const folder = await temporaryFolder()
    await fakeBinary(path.join(folder, 'bin', 'temporal'), 'a calendar')
    const env = { PATH: `${path.join(folder, 'bin')}:/bin`, XDG_CACHE_HOME: folder }
    expect(await findBinary(env)).toBeUndefined()
  })

  it('is the cached one before anything is downloaded or built', async () => {
    const env = { PATH: '', XDG_CACHE_HOME: await temporaryFolder() }
    const cached = await fakeBinary(path.join(cacheDirectory(env), 'temporal'))
    const provisions = [{ source: 'download' as const, provide: fails('must not be asked') }]
    expect(await resolveBinary({ env, provisions })).toEqual({ path: cached, source: 'cache' })
  })

  it('is built when the download fails, and cached for the next time', async () => {
    const env = { PATH: '/bin:/usr/bin', XDG_CACHE_HOME: await temporaryFolder() }
    const lines: string[] = []
    const made = await resolveBinary({
      env,
      report: (line) => lines.push(line),
      provisions: [
        { source: 'download', provide: fails('no network') },
        { source: 'build', provide: puts },
      ],
    })
    expect(made.source).toBe('build')
    expect(lines).toEqual(['download: no network'])
    expect(await findBinary(env)).toEqual({ path: made.path, source: 'cache' })
  })

  it('that is nowhere to be had is an error with every way that was tried and every way out', async () => {
    const env = { PATH: '', XDG_CACHE_HOME: await temporaryFolder() }
    const provisions = [
      { source: 'download' as const, provide: fails('no network') },
      { source: 'build' as const, provide: fails('`go` is not on PATH') },
    ]
    const error: Error = await resolveBinary({ env, provisions }).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    )
    expect(error).toBeInstanceOf(TemporalUnavailable)
    for (const word of [
      'no network',
      '`go` is not on PATH',
      'TEMPORAL_ADDRESS=',
      'TEMPORAL_CLI_PATH=',
      'apt-get install',
    ]) {
      expect(error.message).toContain(word)
    }
  })

  it('named by TEMPORAL_CLI_PATH that is none is an error: nothing else is taken in its place', async () => {
    const folder = await temporaryFolder()
    const onPath = { PATH: path.dirname(await fakeBinary(path.join(folder, 'temporal'))) }
    const other = await fakeBinary(path.join(folder, 'other'), 'something else')
    await expect(findBinary({ ...onPath, TEMPORAL_CLI_PATH: path.join(folder, 'gone') })).rejects.toThrow(
      /TEMPORAL_CLI_PATH.*gone/,
    )
    await expect(findBinary({ ...onPath, TEMPORAL_CLI_PATH: other })).rejects.toThrow(/no Temporal CLI/)
  })
})

describe('installing a program', () => {
  it('leaves nothing at its place, and nothing beside it, when making it fails', async () => {
    const folder = await temporaryFolder()
    const made = install(path.join(folder, 'program'), async (partial) => {
      await writeFile(path.join(partial, 'half'), 'half a program')
      throw new Error('the disk is full')
    })
    await expect(made).rejects.toThrow('the disk is full')
    expect(await readdir(folder)).toEqual([])
  })

  it('may be done by two at once', async () => {
    const target = path.join(await temporaryFolder(), 'program')
    const both = Promise.withResolvers<void>()
    let begun = 0
    const make = async (folder: string) => {
      if (++begun === 2) both.resolve()
      await both.promise
      return fakeBinary(path.join(folder, 'made'))
    }
    await Promise.all([install(target, make), install(target, make)])
    expect(await readFile(target, 'utf8')).toContain('Server')
    expect(await readdir(path.dirname(target))).toEqual(['program'])
  })
})

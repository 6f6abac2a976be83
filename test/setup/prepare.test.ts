import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, it } from 'vitest'

const run = promisify(execFile)
let project: string

beforeEach(async () => {
  project = await mkdtemp(path.join(os.tmpdir(), 'holdfast-prepare-'))
  await mkdir(path.join(project, 'scripts'))
  await copyFile(new URL('../../scripts/prepare.mjs', import.meta.url), path.join(project, 'scripts', 'prepare.mjs'))
  await writeFile(path.join(project, 'package-lock.json'), '{ "packages": {} }')
})
afterEach(() => rm(project, { recursive: true, force: true }))

/** Makes a project without packages ready, with an npm that is a shell script; what that was asked for. */
async function installsWith(npm: string): Promise<{ asked: string[]; failed: string | undefined }> {
  await writeFile(path.join(project, 'npm'), `#!/bin/sh\necho "$*" >> '${project}/asked'\n${npm}\n`, { mode: 0o755 })
  const { npm_execpath: _, ...env } = process.env
  const script = "const { prepare } = await import('./scripts/prepare.mjs'); await prepare({ services: false })"
  const failed = await run(process.execPath, ['--input-type=module', '-e', script], {
    cwd: project,
    env: { ...env, PATH: `${project}:${env.PATH}` },
  }).then(
    () => undefined,
    ({ stderr }) => stderr,
  )
  const asked = await readFile(path.join(project, 'asked'), 'utf8')
  return { asked: asked.trim().split('\n'), failed }
}

it('packages come from npm’s cache when they are there', async () => {
  expect(await installsWith('exit 0')).toEqual({
    asked: ['ci --no-audit --no-fund --prefer-offline'],
    failed: undefined,
  })
})

it('a cache that does not know a version yet is left out', async () => {
  expect(await installsWith('case "$*" in *--prefer-offline*) exit 1;; esac')).toEqual({
    asked: ['ci --no-audit --no-fund --prefer-offline', 'ci --no-audit --no-fund'],
    failed: undefined,
  })
})

it('an installation that fails says so, and what to do', async () => {
  const { asked, failed } = await installsWith('exit 3')
  expect(asked).toHaveLength(2)
  expect(failed).toContain('npm ci ended with code 3')
})

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { packageRoot } from '../../worker/package-root.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Last line of a test run over these files. */
async function lastLine(files: Record<string, string>): Promise<string> {
  const folder = await temporaryFolder()
  for (const [name, source] of Object.entries(files)) await writeFile(path.join(folder, name), source)
  const reporter = path.join(packageRoot, 'test/support/count-reporter.ts')
  const vitest = path.join(packageRoot, 'node_modules/vitest/vitest.mjs')
  const command = [vitest, 'run', '--globals', '--root', folder, `--reporter=default`, `--reporter=${reporter}`]
  const { stdout } = await promisify(execFile)(process.execPath, command).catch((error) => error as { stdout: string })
  return stdout.trimEnd().split('\n').at(-1)!
}

it('a test run ends with its counts; a file that does not load has failed', async () => {
  const line = await lastLine({
    'a.test.mjs':
      "it('a', () => {}); it('b', () => {}); it('c', () => { throw new Error('no') }); it.skip('d', () => {})",
    'b.test.mjs': "import './missing.mjs'",
  })
  expect(line).toBe('2 passed, 2 failed, 1 skipped')
})

it('a run without any test has failed', async () => {
  expect(await lastLine({})).toBe('0 passed, 1 failed')
})

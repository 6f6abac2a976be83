import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import { packageRoot } from '../../worker/package-root.ts'

const run = promisify(execFile)

/** What each says at its end, with sizes that tests can afford. */
const examples: Record<string, { args: string[]; says: RegExp }> = {
  'fan-out': { args: [], says: /^50 reviews judged[\s\S]*bad: product 1, product 4/m },
  'human-approval': { args: [], says: /the session is idle, and asks for .*rm -rf[\s\S]*Done: deleted/ },
  'nightly-repository-fix': { args: [], says: /^fix\/night: total.sh added[\s\S]*echo \$\(\(\$1 \+ \$2\)\)/m },
  'research-survives-a-kill': {
    args: ['12'],
    says: /2 workers were killed; 12 of 12 pages were read, 0 of them more than once/,
  },
}

it.each(Object.entries(examples))(
  'the example %s runs by itself',
  { timeout: 180_000 },
  async (name, { args, says }) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const main = path.join(packageRoot, 'examples', name, 'main.ts')
    const { stdout } = await run(process.execPath, [main, ...args], {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: '' },
      timeout: 170_000,
      killSignal: 'SIGKILL',
    })
    expect(stdout).toMatch(says)
  },
)

it('every example is among them', () => {
  const folders = readdirSync(path.join(packageRoot, 'examples'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  )
  expect(folders.map(({ name }) => name).sort()).toEqual(Object.keys(examples).sort())
})

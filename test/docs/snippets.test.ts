import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../worker/package-root.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { python } from '../support/python.ts'
import { documents } from './documents.ts'

const run = promisify(execFile)
let host: TestHost
let folder: string
beforeAll(async () => {
  host = await startTestHost()
  // Inside of the package, so that `import 'holdfast'` finds what its users would find.
  folder = await mkdtemp(path.join(packageRoot, '.snippets-'))
})
afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true })
  await host?.remove()
})

const programs = documents()
  // Those of the pipelines guide make a project of their own: test/pipelines/guide.test.ts.
  .filter(({ name }) => !['CHANGELOG.md', 'docs/pipelines.md'].includes(name))
  .flatMap(({ name, snippets }) => snippets.map((snippet) => ({ name, ...snippet })))
const inTypeScript = programs.filter(({ language }) => language === 'ts')
// The others are parts of a call.
const inPython = programs.filter(({ language, code }) => language === 'python' && code.startsWith('import'))

/** Reaches the host of the test in the place of the one that a user starts. */
const atHost = (code: string) => code.replace('http://127.0.0.1:4000', host.url)

describe('a Python program of the documents', () => {
  it.each(inPython)('runs: $name, line $line', { timeout: 180_000 }, async ({ code, line, name }) => {
    await writeFile(path.join(folder, 'sample_data.csv'), 'city,age\nOslo,10\n')
    const file = path.join(folder, `${path.basename(name, '.md')}-${line}.py`)
    await writeFile(file, atHost(code))
    const { stdout } = await run(await python(), [file], { cwd: folder, timeout: 100_000, killSignal: 'SIGKILL' })
    expect(stdout).toContain('[scripted model]')
  })
})

describe('a TypeScript program of the documents', () => {
  const isWorkflow = (code: string) => code.includes("'holdfast/workflow'")
  const needsIds = (code: string) => code.includes("'agent_...'")

  it.each(inTypeScript.filter(({ code }) => !isWorkflow(code) && !code.includes('Worker.create')))(
    'runs: $name, line $line',
    { timeout: 120_000 },
    async ({ code, line, name }) => {
      const given = needsIds(code)
        ? code.replace("'agent_...'", `'${host.agent}'`).replace("'env_...'", `'${host.environment}'`)
        : code
      const file = path.join(folder, `${path.basename(name, '.md')}-${line}.ts`)
      const ending =
        given.includes('openHoldfast()') && !/await using|holdfast\.close/.test(given)
          ? '\nawait holdfast.close()\n'
          : ''
      await writeFile(file, atHost(given) + ending)
      const { stdout } = await run(process.execPath, [file], {
        cwd: path.dirname(host.dataDir),
        env: {
          ...process.env,
          TEMPORAL_ADDRESS: host.temporal.address,
          TEMPORAL_NAMESPACE: host.temporal.namespace,
          NODE_OPTIONS: '',
        },
        timeout: 100_000,
        killSignal: 'SIGKILL',
      })
      expect(stdout).toBeDefined()
    },
  )
})

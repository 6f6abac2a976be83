// Runs one of the project's tasks: prepares what is missing, then goes on with Node 24. `node scripts/run.mjs TASK [ARGS]`.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { environment, NotReady, prepare, root } from './prepare.mjs'

/** What each task runs, and whether it needs what sessions need. */
const tasks = {
  test: { services: true, program: ['node_modules/vitest/vitest.mjs', 'run'] },
  conformance: { services: true, program: ['node_modules/vitest/vitest.mjs', 'run', 'test/conformance'] },
  demo: { services: true, program: ['cli/main.ts', 'demo'] },
  dev: { services: true, program: ['cli/main.ts', 'dev'] },
  'record-histories': { services: true, program: ['test/histories/record.ts'] },
  bench: { services: true, program: ['bench/main.ts'] },
  chaos: { services: true, program: ['chaos/main.ts'] },
  build: { services: false, program: ['scripts/build.ts'] },
  typecheck: { services: false, program: ['node_modules/typescript/bin/tsc', '-p', '.'] },
  lint: { services: false, program: ['node_modules/@biomejs/biome/bin/biome', 'check', '.'] },
}

const [name, ...args] = process.argv.slice(2)
const task = tasks[name]
if (!task) {
  console.error(`holdfast: there is no task ${name}; there are: ${Object.keys(tasks).join(', ')}`)
  process.exit(2)
}

try {
  const { node } = await prepare(task)
  const [script, ...first] = task.program
  if (!existsSync(join(root, script))) throw new NotReady(`${script} is missing`, 'git status; then: npm ci')
  process.exitCode = await hand(node, [join(root, script), ...first, ...args])
} catch (error) {
  if (!(error instanceof NotReady)) throw error
  console.error(`holdfast: ${error.message}`)
  process.exitCode = 1
}

/** Hands over to the task's own process and ends as it does. */
function hand(node, command) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, command, { cwd: root, env: environment(node), stdio: 'inherit' })
    // The terminal tells both of Ctrl-C; what is sent to this process alone is passed on.
    process.on('SIGINT', () => {})
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    child.on('error', reject)
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]))
  })
}

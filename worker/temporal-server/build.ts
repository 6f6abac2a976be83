import { spawn } from 'node:child_process'
import path from 'node:path'
import { packageRoot } from '../package-root.ts'
import { install } from './install.ts'
import { release } from './release.ts'
import { withProgress } from './with-progress.ts'

/** Builds the Temporal CLI from the Go module pinned in `temporal/`. Two to five minutes and some 2 GB of Go's cache. */
export async function buildBinary(target: string, report: (line: string) => void): Promise<void> {
  await install(target, async (folder) => {
    const made = path.join(folder, 'temporal')
    const title = `building the Temporal server (CLI ${release}) with Go, once: some minutes`
    await withProgress(title, report, () => goBuild(made))
    return made
  })
}

function goBuild(made: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const go = spawn(
    'go',
    ['build', '-trimpath', '-ldflags', '-s -w', '-o', made, 'github.com/temporalio/cli/cmd/temporal'],
    {
      cwd: path.join(packageRoot, 'temporal'),
      // The server's SQLite is pure Go: no C compiler is needed. The module is built as pinned, whatever is set around it.
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  let said = ''
  go.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  go.on('error', (error: NodeJS.ErrnoException) =>
    reject(error.code === 'ENOENT' ? new Error('`go` is not on PATH') : error),
  )
  go.on('close', (code) => {
    if (code === 0) resolve()
    else reject(new Error(`go build ended with code ${code}: ${said.trim().split('\n').slice(-5).join(' | ')}`))
  })
  return promise
}

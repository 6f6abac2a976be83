import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import path from 'node:path'
import { located } from './files.ts'
import { Output } from './output.ts'
import { optional, type Result, required, ToolError, toolText } from './result.ts'

/** Megabytes for the names that a search by pattern goes through: of a million files, and then some. */
const globMemory = 512
const grepTimeoutMs = 60_000
const skipped = ['.git', 'node_modules']

export async function glob(input: Record<string, unknown>, id: string, signal: AbortSignal): Promise<Result> {
  const pattern = required(input, 'pattern', 'string')
  const cwd = located(optional(input, 'path', 'string') ?? '.')
  if (path.isAbsolute(pattern) || pattern.split('/').includes('..')) {
    throw new ToolError('pattern must be relative to path, without ".."')
  }
  // Beside this program; what it is named like tells whether it is compiled.
  const main = process.argv[1]!
  const finder = path.join(path.dirname(main), `find-files${path.extname(main)}`)
  const memory = [`--max-old-space-size=${globMemory}`, '--disable-warning=ExperimentalWarning']
  const output = new Output(id, { isTerminal: false })
  const { code, errors } = await run(process.execPath, [...memory, finder, pattern, cwd], output, signal)
  if (code !== 0) {
    // Whom the kernel ends for want of memory says nothing.
    const isTooMuch = errors === '' || errors.includes('heap out of memory')
    throw new ToolError(isTooMuch ? 'there are too many files: search a smaller folder' : errors.trim())
  }
  if (output.length === 0) return toolText('no matches')
  return toolText(await output.text())
}

export async function grep(input: Record<string, unknown>, id: string, signal: AbortSignal): Promise<Result> {
  const pattern = required(input, 'pattern', 'string')
  const where = located(optional(input, 'path', 'string') ?? '.')
  await access(where).catch(() => {
    throw new ToolError(`${where} does not exist`)
  })
  const output = new Output(id, { isTerminal: false })
  const timeout = AbortSignal.timeout(grepTimeoutMs)
  const { code, errors } = await search(pattern, where, output, AbortSignal.any([signal, timeout]))
  if (timeout.aborted && code === null)
    throw new ToolError(`the search took longer than ${grepTimeoutMs / 1000} s: search a smaller folder`)
  if (code !== null && code > 1 && output.length === 0)
    throw new ToolError(errors.trim() || `the search failed (${code})`)
  if (output.length === 0) return toolText('no matches')
  return toolText(await output.text())
}

async function search(pattern: string, where: string, output: Output, signal: AbortSignal) {
  const hasRipgrep = await access('/usr/bin/rg').then(
    () => true,
    () => false,
  )
  const [command, options] = hasRipgrep
    ? [
        '/usr/bin/rg',
        [
          '--no-heading',
          '--with-filename',
          '--line-number',
          '--color=never',
          '--hidden',
          ...skipped.flatMap((name) => ['-g', `!${name}`]),
        ],
      ]
    : ['/usr/bin/grep', ['-rHnIE', ...skipped.map((name) => `--exclude-dir=${name}`)]]
  return run(command, [...options, '-e', pattern, '--', where], output, signal)
}

/** Runs a program that prints what it finds, until no more of it is kept. */
async function run(command: string, options: string[], output: Output, signal: AbortSignal) {
  const child = spawn(command, options, { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  const kill = () => void child.kill('SIGKILL')
  signal.addEventListener('abort', kill)
  if (signal.aborted) kill()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.append(text)
    if (output.isFull) kill()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (errors.length < 2000) errors += text
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  signal.removeEventListener('abort', kill)
  return { errors, code }
}

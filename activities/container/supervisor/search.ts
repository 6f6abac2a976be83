import { spawn } from 'node:child_process'
import { access, glob as find, stat } from 'node:fs/promises'
import path from 'node:path'
import { located } from './files.ts'
import { Output } from './output.ts'
import { optional, type Result, required, ToolError, toolText } from './result.ts'

const mostFiles = 200
const grepTimeoutMs = 60_000
const skipped = ['.git', 'node_modules']

export async function glob(input: Record<string, unknown>, id: string): Promise<Result> {
  const pattern = required(input, 'pattern', 'string')
  const cwd = located(optional(input, 'path', 'string') ?? '.')
  if (path.isAbsolute(pattern) || pattern.split('/').includes('..')) {
    throw new ToolError('pattern must be relative to path, without ".."')
  }
  const files: { file: string; time: number }[] = []
  for await (const entry of find(pattern, { cwd, exclude: (name) => skipped.includes(path.basename(name)) })) {
    const file = path.join(cwd, entry)
    const found = await stat(file).catch(() => undefined)
    if (found?.isFile()) files.push({ file, time: found.mtimeMs })
  }
  if (files.length === 0) return toolText('no matches')
  files.sort((a, b) => b.time - a.time || a.file.localeCompare(b.file))
  const shown = files.slice(0, mostFiles).map(({ file }) => file)
  const left = files.length - shown.length
  const output = new Output(id, { isTerminal: false })
  output.append([...shown, ...(left > 0 ? [`[${left} more]`] : [])].join('\n'))
  return toolText(await output.text())
}

export async function grep(input: Record<string, unknown>, id: string): Promise<Result> {
  const pattern = required(input, 'pattern', 'string')
  const where = located(optional(input, 'path', 'string') ?? '.')
  await access(where).catch(() => {
    throw new ToolError(`${where} does not exist`)
  })
  const output = new Output(id, { isTerminal: false })
  const { code, errors, timedOut } = await search(pattern, where, output)
  if (timedOut) throw new ToolError(`the search took longer than ${grepTimeoutMs / 1000} s: search a smaller folder`)
  if (code !== null && code > 1 && output.length === 0)
    throw new ToolError(errors.trim() || `the search failed (${code})`)
  if (output.length === 0) return toolText('no matches')
  return toolText(await output.text())
}

async function search(pattern: string, where: string, output: Output) {
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
  const child = spawn(command, [...options, '-e', pattern, '--', where], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill('SIGKILL')
  }, grepTimeoutMs)
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.append(text)
    if (output.isFull) child.kill('SIGKILL')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (errors.length < 2000) errors += text
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(timer)
  return { errors, code, timedOut }
}

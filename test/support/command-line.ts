import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import { packageRoot } from '../../worker/package-root.ts'

export interface Ran {
  code: number | null
  signal: NodeJS.Signals | null
  out: string
  err: string
}

export interface Running {
  child: ChildProcess
  /** What it has written so far. */
  readonly out: string
  readonly err: string
  ended: Promise<Ran>
}

export interface RunOptions {
  /** The server; without one the default, where nobody listens. */
  url?: string
  env?: Record<string, string>
  cwd?: string
  input?: string
}

/** Starts `holdfast` as somebody would type it, its output piped. */
export function start(args: string[], { url, env, cwd, input }: RunOptions = {}): Running {
  // Colours are for the command to decide.
  const { NO_COLOR: _none, FORCE_COLOR: _forced, ...inherited } = process.env
  const child = spawn(process.execPath, [path.join(packageRoot, 'bin', 'holdfast'), ...args], {
    ...(cwd && { cwd }),
    env: { ...inherited, ...(url && { HOLDFAST_URL: url }), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text))
  child.stdin.on('error', () => {})
  child.stdin.end(input ?? '')
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...said }))
  return {
    child,
    ended,
    get out() {
      return said.out
    },
    get err() {
      return said.err
    },
  }
}

/** Runs `holdfast` to its end. */
export const run = (args: string[], options?: RunOptions): Promise<Ran> => start(args, options).ended

/** The objects of JSON lines. Throws where a line is none. */
export const jsonLines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

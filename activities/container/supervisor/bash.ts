import { type ChildProcess, spawn } from 'node:child_process'
import { StringDecoder } from 'node:string_decoder'
import { Output } from './output.ts'
import { type Call, killAll, pids } from './processes.ts'
import { randomId } from './random-id.ts'
import { notBegun, optional, type Result, ToolError, toolError, toolText } from './result.ts'
import { lowerSession } from './session-priority.ts'

const defaultTimeoutMs = 120_000

/**
 * The shell reads commands from descriptor 3 and reports each one's end on descriptor 4, which is standard output as it
 * was at the start: so the report comes behind the command's output. Commands get neither descriptor, and no input.
 * Reported is at the loop's head, and there is a loop around it, because a command may say "continue" or "break"; a
 * function would keep them in, but make what a command declares local. Before the first command the format is empty.
 */
const loop = `exec 4>&1 2>&1
while :; do
  while printf "\${HOLDFAST_CALL:+\\\\036%s %d\\\\036}" "$HOLDFAST_CALL" "$?" >&4; do
    IFS= read -r -d '' HOLDFAST_CALL <&3 && IFS= read -r -d '' -u 3 REPLY || exit
    export HOLDFAST_CALL
    eval "$REPLY" </dev/null 3<&- 4>&-
  done
done`

interface Running {
  id: string
  marker: string
  output: Output
  finish: (end: End) => void
}
type End = { code: number | null; signal?: string | null } | 'timeout' | 'stopped'

/** One bash for the life of the container; what a command leaves in it, the next one finds. Source: spec §16. */
export class BashTool {
  readonly #onOutput: (id: string, text: string) => void
  #shell: ChildProcess | undefined
  #running: Running | undefined
  #queue: Promise<unknown> = Promise.resolve()
  /** Calls that run or wait for the shell. */
  readonly #calls = new Set<string>()
  readonly #stopped = new Set<string>()

  constructor(onOutput: (id: string, text: string) => void) {
    this.#onOutput = onOutput
  }

  /** Starts the shell, so that it is there when the first command comes. */
  start(): void {
    if (!this.#shell) this.#start()
  }

  /** Runs a command, one at a time. */
  call(id: string, input: Record<string, unknown>, timeoutMs: number): Promise<Result> {
    this.#calls.add(id)
    const result = this.#queue.then(() => this.#call(id, input, timeoutMs)).finally(() => this.#calls.delete(id))
    this.#queue = result.catch(() => {})
    return result
  }

  /** Ends a call of bash, false for any other: its processes are killed, the shell is replaced. */
  stop(id: string): boolean {
    if (!this.#calls.has(id)) return false
    if (this.#running?.id === id) this.#running.finish('stopped')
    else this.#stopped.add(id)
    return true
  }

  async #call(id: string, input: Record<string, unknown>, longest: number): Promise<Result> {
    const command = optional(input, 'command', 'string')
    const restart = optional(input, 'restart', 'boolean')
    const wanted = optional(input, 'timeout_ms', 'number') ?? defaultTimeoutMs
    if (!Number.isInteger(wanted) || wanted < 1) throw new ToolError('timeout_ms must be a positive whole number')
    if (this.#stopped.delete(id)) return notBegun()
    if (restart) await this.#replace()
    if (command === undefined) {
      if (restart) return toolText('bash was restarted')
      throw new ToolError('command is required (or restart: true)')
    }
    if (command.includes('\0')) throw new ToolError('command must not contain a NUL character')
    return this.#run(id, command, Math.min(wanted, longest))
  }

  async #run(id: string, command: string, timeoutMs: number): Promise<Result> {
    const shell = this.#shell ?? this.#start()
    const marker = randomId()
    const before = new Set(pids())
    const output = new Output(id)
    const end = await new Promise<End>((resolve) => {
      const timer = setTimeout(() => resolve('timeout'), timeoutMs)
      this.#running = {
        id,
        marker,
        output,
        finish: (how) => {
          clearTimeout(timer)
          resolve(how)
        },
      }
      ;(shell.stdio[3] as NodeJS.WritableStream).write(`${marker}\0${command}\0`)
    })
    this.#running = undefined
    if (typeof end === 'string') await this.#replace({ marker, before })
    const text = await output.text()
    if (end === 'timeout') {
      return toolError(join(text, `The command was stopped after ${timeoutMs} ms. The shell was restarted.`))
    }
    if (end === 'stopped') return interrupted(text)
    if (end.code === 0) return toolText(text || '(no output)')
    return toolError(text || `exit ${end.code ?? end.signal}`)
  }

  #start(): ChildProcess {
    const shell = spawn('/bin/bash', ['--noprofile', '--norc', '-c', loop], {
      cwd: '/workspace',
      env: environment(),
      stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
      detached: true,
    })
    this.#shell = shell
    if (shell.pid !== undefined) lowerSession(shell.pid)
    const decoder = new StringDecoder('utf8')
    let rest = ''
    shell.stdout!.on('data', (chunk: Buffer) => {
      rest = this.#take(rest + decoder.write(chunk))
    })
    shell.stdio[3]!.on('error', () => {})
    const ended = (code: number | null, signal: string | null) => {
      if (this.#shell !== shell) return
      this.#shell = undefined
      // The command ended the shell itself (exit, exec, set -e): what it had written is read by now or never.
      setImmediate(() => {
        this.#take(rest)
        this.#running?.finish({ code, signal })
      })
    }
    shell.on('error', () => ended(127, null))
    shell.on('exit', (code, signal) => {
      // Background processes may hold the output open: do not wait for its end.
      const timer = setTimeout(() => ended(code, signal), 100)
      shell.stdout!.once('end', () => {
        clearTimeout(timer)
        ended(code, signal)
      })
    })
    return shell
  }

  /** Hands on output up to the end mark; returns what may be the beginning of one. */
  #take(text: string): string {
    const running = this.#running
    if (!running) return ''
    const mark = `\x1e${running.marker} `
    const at = text.indexOf(mark)
    const end = at >= 0 ? text.indexOf('\x1e', at + mark.length) : -1
    const possible = at >= 0 ? at : lastPossible(text, mark)
    this.#emit(running, text.slice(0, possible))
    if (end < 0) return text.slice(possible)
    running.finish({ code: Number(text.slice(at + mark.length, end)) })
    return ''
  }

  #emit(running: Running, text: string): void {
    if (text === '') return
    running.output.append(text)
    if (running.output.length <= Output.shown) this.#onOutput(running.id, text)
  }

  async #replace(call?: Call): Promise<void> {
    const shell = this.#shell
    this.#shell = undefined
    if (shell?.pid) await killAll(shell.pid, call)
    shell?.stdout?.destroy()
  }
}

const interrupted = (text: string): Result => ({
  ...toolError(join(text, 'The command was interrupted by the user before it ended. The shell was restarted.')),
  outcome: 'interrupted',
})

const join = (text: string, note: string) => (text ? `${text}\n${note}` : note)

/** Index from where the text could still become the mark. */
function lastPossible(text: string, mark: string): number {
  const at = text.lastIndexOf('\x1e')
  return at >= 0 && mark.startsWith(text.slice(at, at + mark.length)) ? at : text.length
}

function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ANTHROPIC_')))
}

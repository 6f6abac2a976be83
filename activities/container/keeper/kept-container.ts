import type { ChildProcess } from 'node:child_process'
import type { ToolResult } from '../../../protocol/contract.ts'
import { Lines } from '../supervisor/lines.ts'
import { Output } from '../supervisor/output.ts'
import type { ToSupervisor } from '../supervisor/protocol.ts'
import { heard } from './heard.ts'

/** Milliseconds that a container may take until its supervisor answers. */
const startTimeoutMs = 30_000
/** Characters of a line. The longest are those of media, of up to 7 million. */
const longestLine = 8 * 1024 * 1024
/** Characters of a call's output that are passed on while it runs. */
const longestOutput = Output.shown

/** A call lost its runner: the supervisor or the whole container died under it. */
export class CallLost extends Error {
  override readonly name = 'CallLost'
}

interface Pending {
  /** Characters of output that were passed on. */
  seen: number
  onOutput: (text: string) => void
  resolve: (result: ToolResult) => void
  reject: (error: Error) => void
}

/** A running container: its bwrap process and the lines exchanged with the supervisor in it. */
export class KeptContainer {
  readonly #process: ChildProcess
  readonly #pending = new Map<string, Pending>()
  readonly #ready = Promise.withResolvers<void>()
  #isReady = false
  #errors = ''
  /** Set when it has ended. */
  ended = false
  readonly exited: Promise<void>
  readonly #stopTimeoutMs: number

  constructor(process: ChildProcess, { stopTimeoutMs = 20_000 } = {}) {
    this.#process = process
    this.#stopTimeoutMs = stopTimeoutMs
    this.#ready.promise.catch(() => {})
    process.stdin!.on('error', () => {})
    process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000)
    })
    const lines = new Lines()
    process.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      const complete = lines.take(chunk)
      if (lines.length > longestLine || complete.some(({ length }) => length > longestLine)) {
        return void process.kill('SIGKILL')
      }
      for (const line of complete) this.#take(line)
    })
    this.exited = new Promise((resolve) => {
      const end = (reason: string) => {
        if (this.ended) return
        this.ended = true
        this.#ready.reject(new Error(`the container did not start: ${this.#errors.trim() || reason}`))
        this.#loseAll('the container ended')
        resolve()
      }
      process.on('error', (error) => end(error.message))
      process.on('exit', (code, signal) => end(`bwrap ended with ${code ?? signal}`))
    })
  }

  get busy(): boolean {
    return this.#pending.size > 0
  }

  /** Resolves when the supervisor answers. Rejects with what bwrap said when it never will. */
  async started(): Promise<void> {
    const timer = setTimeout(
      () => this.#ready.reject(new Error('the container did not answer in time')),
      startTimeoutMs,
    )
    try {
      await this.#ready.promise
    } finally {
      clearTimeout(timer)
    }
  }

  /** @throws CallLost when nobody is left who runs it */
  call(
    call: { id: string; name: string; input: Record<string, unknown>; timeoutMs: number },
    onOutput: (text: string) => void,
  ): Promise<ToolResult> {
    return new Promise((resolve, reject) => {
      if (this.ended) return reject(new CallLost('the container ended'))
      this.#pending.set(call.id, { seen: 0, onOutput, resolve, reject })
      const { id, name, input, timeoutMs } = call
      this.#send({ op: 'call', id, name, input, timeoutMs })
    })
  }

  /**
   * Has a call stopped, which the supervisor does at once, however much it has to do: one that does not say in time how the
   * call ended was itself stopped by the agent, and the container is ended.
   */
  stopCall(id: string): void {
    const stopped = this.#pending.get(id)
    if (!stopped) return
    this.#send({ op: 'stop', id })
    setTimeout(() => {
      if (this.#pending.get(id) === stopped) this.#process.kill('SIGKILL')
    }, this.#stopTimeoutMs).unref()
  }

  /** Ends it; its processes go with it. */
  async stop(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.exited
  }

  #send(message: ToSupervisor): void {
    this.#process.stdin!.write(`${JSON.stringify(message)}\n`)
  }

  #take(line: string): void {
    const message = heard(line)
    if (message?.event === 'ready') {
      // Not the first time: the supervisor was killed, and what it ran is lost to it.
      if (this.#isReady) this.#loseAll('the supervisor of the container was killed')
      this.#isReady = true
      this.#ready.resolve()
    } else if (message?.event === 'output') {
      this.#output(message.id, message.text)
    } else if (message?.event === 'result') {
      this.#pending.get(message.id)?.resolve(message.result)
      this.#pending.delete(message.id)
    }
  }

  /** The supervisor passes on no more; who took it over could fill the disk. */
  #output(id: string, text: string): void {
    const call = this.#pending.get(id)
    if (!call || call.seen >= longestOutput) return
    const shown = text.slice(0, longestOutput - call.seen)
    call.seen += shown.length
    call.onOutput(shown)
  }

  #loseAll(reason: string): void {
    for (const { reject } of this.#pending.values()) reject(new CallLost(reason))
    this.#pending.clear()
  }
}

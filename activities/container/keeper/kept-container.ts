import type { ChildProcess } from 'node:child_process'
import type { ToolResult } from '../../../protocol/contract.ts'
import { Lines } from '../supervisor/lines.ts'
import type { FromSupervisor, ToSupervisor } from '../supervisor/protocol.ts'

/** Milliseconds that a container may take until its supervisor answers. */
const startTimeoutMs = 30_000
/** Characters of a line; no result of a tool comes near it. */
const longestLine = 64 * 1024 * 1024

/** A call lost its runner: the supervisor or the whole container died under it. */
export class CallLost extends Error {
  override readonly name = 'CallLost'
}

interface Pending {
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

  constructor(process: ChildProcess) {
    this.#process = process
    this.#ready.promise.catch(() => {})
    process.stdin!.on('error', () => {})
    process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000)
    })
    const lines = new Lines()
    process.stdout!.setEncoding('utf8').on('data', (chunk: string) => {
      for (const line of lines.take(chunk)) this.#take(line)
      if (lines.length > longestLine) process.kill('SIGKILL')
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
      this.#pending.set(call.id, { onOutput, resolve, reject })
      const { id, name, input, timeoutMs } = call
      this.#send({ op: 'call', id, name, input, timeoutMs })
    })
  }

  stopCall(id: string): void {
    if (this.#pending.has(id)) this.#send({ op: 'stop', id })
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
    let message: FromSupervisor | null
    try {
      message = JSON.parse(line)
    } catch {
      return
    }
    // Who took over the supervisor writes here what he likes; other sessions must not suffer.
    if (message?.event === 'ready') {
      // Not the first time: the supervisor was killed, and what it ran is lost to it.
      if (this.#isReady) this.#loseAll('the supervisor of the container was killed')
      this.#isReady = true
      this.#ready.resolve()
    } else if (message?.event === 'output') {
      this.#pending.get(message.id)?.onOutput(message.text)
    } else if (message?.event === 'result') {
      this.#pending.get(message.id)?.resolve(message.result as ToolResult)
      this.#pending.delete(message.id)
    }
  }

  #loseAll(reason: string): void {
    for (const { reject } of this.#pending.values()) reject(new CallLost(reason))
    this.#pending.clear()
  }
}

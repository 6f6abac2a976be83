import { type ChildProcess, fork } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import { connect } from '../../client/connection.ts'
import { messageOf } from '../message-of.ts'

const namespace = 'default'
const payload = (value: unknown) => ({
  metadata: { encoding: Buffer.from('json/plain') },
  data: Buffer.from(JSON.stringify(value)),
})

/** A bare Temporal workflow in the same process layout and on the same server as the product. */
export class Floor {
  readonly #connection: Awaited<ReturnType<typeof connect>>
  readonly #worker: ChildProcess
  readonly #taskQueue: string

  private constructor(connection: Awaited<ReturnType<typeof connect>>, worker: ChildProcess, taskQueue: string) {
    this.#connection = connection
    this.#worker = worker
    this.#taskQueue = taskQueue
  }

  /** Pid of its worker. */
  get pid(): number {
    return this.#worker.pid!
  }

  static async start(address: string, folder: string): Promise<Floor> {
    const { code } = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('workflow.ts', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    })
    const bundle = path.join(folder, 'floor.js')
    await writeFile(bundle, code)
    const taskQueue = 'floor'
    const worker = fork(fileURLToPath(new URL('worker.ts', import.meta.url)), [address, taskQueue, bundle])
    await messageOf(worker)
    return new Floor(await connect({ address }), worker, taskQueue)
  }

  /**
   * A workflow and the way to have it do one turn; the end of the turn is seen by history long poll.
   * @param steps activities of a turn: two model requests and a tool call, or one model request
   */
  async session(steps: 1 | 3 = 3): Promise<() => Promise<number>> {
    const { workflowService } = this.#connection
    const workflowId = await this.#begin('floor', steps)
    let token: Uint8Array | undefined
    let idles = 0
    const read = async () => {
      const { history, nextPageToken } = await workflowService.getWorkflowExecutionHistory({
        namespace,
        execution: { workflowId },
        waitNewEvent: true,
        nextPageToken: token,
      })
      token = nextPageToken
      for (const event of history?.events ?? []) {
        const state = event.workflowPropertiesModifiedEventAttributes?.upsertedMemo?.fields?.state?.data
        if (state && Buffer.from(state).toString() === '"idle"') idles++
      }
    }
    await read()
    return async () => {
      const before = idles
      const started = performance.now()
      await this.#signal(workflowId, 'x'.repeat(400))
      while (idles === before) await read()
      return performance.now() - started
    }
  }

  /** A workflow that does nothing, and the way to send it something. */
  async listener(): Promise<(value: unknown) => Promise<void>> {
    const workflowId = await this.#begin('listener')
    return (value) => this.#signal(workflowId, value)
  }

  async #begin(type: string, ...input: unknown[]): Promise<string> {
    const workflowId = `floor-${crypto.randomUUID()}`
    await this.#connection.workflowService.startWorkflowExecution({
      namespace,
      workflowId,
      requestId: workflowId,
      workflowType: { name: type },
      taskQueue: { name: this.#taskQueue },
      input: { payloads: input.map(payload) },
    })
    return workflowId
  }

  async #signal(workflowId: string, value: unknown): Promise<void> {
    await this.#connection.workflowService.signalWorkflowExecution({
      namespace,
      workflowExecution: { workflowId },
      signalName: 'deliver',
      requestId: crypto.randomUUID(),
      input: { payloads: [payload(value)] },
    })
  }

  async stop(): Promise<void> {
    this.#worker.kill()
    await this.#connection.close()
  }
}

import type { ToolResult } from '../../protocol/contract.ts'
import type { ContainerProvider } from '../container/provider.ts'
import type { CaptureOptions, Outputs, Refused } from './outputs.ts'

/** Milliseconds between two looks at the folder while a call runs; what was written to since the last one waits. */
const lookEveryMs = 2000

/** Notices in one tool result; more would bury it. */
const mostNotices = 10

/** Captures the outputs of the sessions that have their container on this host, for the activities. */
export class SessionOutputs {
  readonly #outputs: Outputs
  readonly #containers: ContainerProvider
  /** What the agent was not told yet: the next tool result says it. */
  readonly #untold = new Map<string, Refused[]>()

  constructor(outputs: Outputs, containers: ContainerProvider) {
    this.#outputs = outputs
    this.#containers = containers
  }

  /** Takes what is there now. What it cannot take it leaves for the next time: a result that exists is worth more. */
  async capture(sessionId: string, options: CaptureOptions = {}): Promise<void> {
    try {
      const refused = await this.#outputs.capture(sessionId, await this.#containers.outputsFolder(sessionId), options)
      if (refused.length > 0) this.#untold.set(sessionId, [...(this.#untold.get(sessionId) ?? []), ...refused])
    } catch (error) {
      console.error(`outputs of ${sessionId}: ${error}`)
    }
  }

  /** Runs a call; what it leaves is there to download, a few seconds after it was written, and when the call has ended. */
  async around(sessionId: string, call: () => Promise<ToolResult>): Promise<ToolResult> {
    let looking = false
    const looks = setInterval(async () => {
      if (looking) return
      looking = true
      await this.capture(sessionId, { settledForMs: lookEveryMs })
      looking = false
    }, lookEveryMs)
    let result: ToolResult
    try {
      result = await call()
    } finally {
      clearInterval(looks)
    }
    await this.capture(sessionId)
    const refused = this.#untold.get(sessionId) ?? []
    this.#untold.delete(sessionId)
    return withNotices(result, refused)
  }

  /** The session has no container here any more. */
  forget(sessionId: string): void {
    this.#untold.delete(sessionId)
  }
}

function withNotices(result: ToolResult, refused: Refused[]): ToolResult {
  if (refused.length === 0) return result
  const lines = refused
    .slice(0, mostNotices)
    .map(({ path, reason }) => `/mnt/session/outputs/${path.replace(/\p{Cc}/gu, '?')}: ${reason}`)
  const rest = refused.length - lines.length
  const text = `Not available for download:\n${lines.join('\n')}${rest > 0 ? `\nand ${rest} more` : ''}`
  return { ...result, content: [...result.content, { type: 'text', text: text.toWellFormed() }] }
}

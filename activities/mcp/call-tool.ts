import type { RunToolInput, ToolResult } from '../../protocol/contract.ts'
import { blot } from '../egress/blot.ts'
import type { OutsideResult } from '../large-results.ts'
import type { McpConnections, Place } from './connections.ts'
import { explain, isAnswer, isTimeout, isUnsent, McpHttpError } from './failures.ts'
import { toolResult } from './tool-result.ts'

export interface CallParts {
  /** Undefined when the agent has no such server any more. */
  place: Place | undefined
  connections: McpConnections
  timeoutMs: number
  signal: AbortSignal
  /** Whether the environment forbids the server. */
  unreachable: () => Promise<boolean>
  /** Whether the server says that a second call does no harm. */
  isRepeatable: () => Promise<boolean>
}

/**
 * One call of an MCP tool. Nothing notes whether an earlier attempt got through: a call that may have run is not made
 * again, unless its tool is said to bear that. Whatever happens becomes a result that the model can go on from.
 */
export async function callTool(call: RunToolInput, parts: CallParts): Promise<OutsideResult> {
  const { place, connections, timeoutMs, signal } = parts
  if (!place) return failed(`This call was not run: the agent has no MCP server "${call.mcpServer}" any more.`)
  if (call.attempt > 1 && !(await parts.isRepeatable())) return unknown('the worker that made it was lost')
  if (await parts.unreachable()) {
    return failed("This call was not run: the environment's networking does not allow this server.")
  }
  const clean = (text: string) =>
    blot(text, [...place.access.used])
      .slice(0, 2000)
      .toWellFormed()
  let sent = false
  const attempt = () =>
    connections.use(place, async (connection, known) => {
      sent = true
      try {
        return await connection.callTool(call.name, call.input, { timeoutMs, signal })
      } catch (error) {
        // The server forgot the session that it had with this connection, and did nothing.
        const forgotten = error instanceof McpHttpError && [400, 404].includes(error.response.status_code)
        if (!(known && forgotten && !signal.aborted)) throw error
        connections.forget(place)
        return await connections.use(place, (other) => other.callTool(call.name, call.input, { timeoutMs, signal }))
      }
    })
  try {
    return toolResult(await interruptible(signal, attempt()), place.access.used)
  } catch (error) {
    if (signal.aborted) {
      const text = 'The call was interrupted by the user before it ended; what the server did of it is not known.'
      return { ...failed(text), outcome: 'interrupted' }
    }
    if (!sent || isUnsent(error)) return failed(`This call was not run: ${clean(explain(error))}`)
    if (isTimeout(error)) return unknown(`the server did not answer within ${timeoutMs / 1000} s`)
    // An error that the server gave as its answer.
    if (isAnswer(error)) return failed(clean(explain(error)))
    connections.forget(place)
    return unknown(clean(explain(error)))
  }
}

/** Does not wait for a server that does not hear that it is to stop. */
function interruptible<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

function failed(text: string): ToolResult {
  return { content: [{ type: 'text', text }], is_error: true, outcome: 'done' }
}

function unknown(why: string): ToolResult {
  const text = `It is unknown whether this call ran to its end (${why}). It was not repeated.`
  return { ...failed(text), outcome: 'unknown' }
}

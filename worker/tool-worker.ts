import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity'
import { NativeConnection, type NativeConnectionOptions, Worker, type WorkerOptions } from '@temporalio/worker'
import { z } from 'zod'
import type { Holdfast } from '../client/holdfast.ts'
import type { ToolDefinition, Toolset } from '../client/tools.ts'
import { names, type ServeToolInput, type ToolResult } from '../protocol/contract.ts'

/** Longest text of a result; what is more loses its end. Characters. */
const longest = 100_000

/**
 * A worker that serves a toolset: the calls of sessions that were created with it are activities here. Call `run()` on it.
 * @param options of the worker, such as `maxConcurrentActivityTaskExecutions`
 */
export async function createToolWorker(
  holdfast: Holdfast,
  { taskQueue, tools }: Toolset,
  options: Partial<WorkerOptions> = {},
): Promise<Worker> {
  const { reach, namespace, codec } = holdfast.runtime
  return Worker.create({
    ...options,
    connection: options.connection ?? (await NativeConnection.connect(nativeOptions(reach))),
    namespace,
    taskQueue,
    // What sessions store in Temporal is compressed, and encrypted when there is a key.
    dataConverter: { payloadCodecs: [codec] },
    activities: { [names.serveTool]: serveTool(new Map(tools.map((tool) => [tool.name, tool]))) },
  })
}

function nativeOptions({ address, tls, apiKey, metadata }: Holdfast['runtime']['reach']): NativeConnectionOptions {
  // Only native connections take no function here; Holdfast's own configuration has none either.
  return { address, tls, ...(typeof apiKey === 'string' && { apiKey }), ...(metadata && { metadata }) }
}

function serveTool(tools: Map<string, ToolDefinition>) {
  return async ({ sessionId, toolUseId, name, input, attempts }: ServeToolInput): Promise<ToolResult> => {
    const tool = tools.get(name)
    if (!tool) return textResult(`This call was not run: the worker does not serve the tool "${name}".`, true)
    const read = await tool.input.safeParseAsync(input)
    if (!read.success) return textResult(`The input does not fit the tool:\n${z.prettifyError(read.error)}`, true)
    const signal = cancellationSignal()
    const { attempt } = activityInfo()
    const beat = setInterval(() => heartbeat(), 500)
    try {
      const value = await tool.run(read.data, { idempotencyKey: toolUseId, sessionId, signal, attempt })
      return textResult(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), false)
    } catch (error) {
      if (signal.aborted || attempt < attempts) throw error
      return textResult(error instanceof Error ? error.message : String(error), true)
    } finally {
      clearInterval(beat)
    }
  }
}

function textResult(text: string, is_error: boolean): ToolResult {
  const shown =
    text.length > longest ? `${text.slice(0, longest)}\n[${text.length - longest} characters left out]` : text
  const content = shown.trim() === '' ? [] : [{ type: 'text' as const, text: shown.toWellFormed() }]
  return { content, is_error, outcome: 'done' }
}

import { z } from 'zod'
import type { ServedTool } from '../protocol/contract.ts'
import { type CustomTool, checkCustomTool, customTool as customToolParams } from '../protocol/custom-tools.ts'
import { parse } from '../protocol/parse.ts'
import { builtinTools } from '../protocol/tools.ts'

export interface ToolContext {
  /** The tool use's id: the same for every attempt of one call. */
  idempotencyKey: string
  sessionId: string
  /** Aborts when the session is interrupted or the time is over. */
  signal: AbortSignal
  /** 1 for the first. */
  attempt: number
}

export interface ToolDefinition<I extends z.ZodType = z.ZodType> {
  /** What the model calls it: letters, digits, `_` and `-`. */
  name: string
  /** Tells the model what it does and when to use it. */
  description: string
  /** An object. What the model sends is checked by it; what does not fit goes back to the model. */
  input: I
  /** Does the work. What it returns goes to the model, a string as it is, anything else as JSON; so does what it throws. */
  run: (input: z.output<I>, context: ToolContext) => unknown
  /**
   * Whether a call may be repeated when its outcome is not known (its worker died). If not, the model is told that it is
   * unknown. @default false
   */
  idempotent?: boolean
  /** Attempts of one call. More than one only when it is idempotent. @default 3 when idempotent, otherwise 1 */
  attempts?: number
  /** Milliseconds that one attempt may take. @default 600000 (10 minutes) */
  timeoutMs?: number
}

/** A custom tool with its code: the definition that an agent gets, and what its worker runs. */
export function defineTool<I extends z.ZodType>(definition: ToolDefinition<I>): ToolDefinition<I> {
  checkCustomTool(
    parse(customToolParams, customTool(definition as unknown as ToolDefinition)),
    builtinTools,
    `tool ${definition.name}`,
  )
  if (definition.attempts !== undefined && definition.attempts > 1 && !definition.idempotent) {
    throw new Error(`tool ${definition.name}: attempts above 1 are for idempotent tools`)
  }
  return definition
}

export interface Toolset {
  taskQueue: string
  tools: ToolDefinition[]
  /** For an agent's `tools`. */
  definitions: CustomTool[]
  /** Plain data: how a session reaches the worker. For `sessions.create(…, { tools })`. */
  served: Record<string, ServedTool>
}

/**
 * Tools that one task queue serves.
 * @param options.pickUpMs milliseconds that a call waits for a worker before the model is told that there is none.
 *   Default: 600000 (10 minutes)
 */
export function toolset(
  // biome-ignore lint/suspicious/noExplicitAny: each tool has its own input
  tools: ToolDefinition<any>[],
  { taskQueue, pickUpMs = 600_000 }: { taskQueue: string; pickUpMs?: number },
): Toolset {
  const served = tools.map(({ name, idempotent, attempts, timeoutMs = 600_000 }): [string, ServedTool] => [
    name,
    { taskQueue, timeoutMs, pickUpMs, attempts: attempts ?? (idempotent ? 3 : 1) },
  ])
  if (new Set(tools.map(({ name }) => name)).size < tools.length) throw new Error('two tools have the same name')
  return { taskQueue, tools, definitions: tools.map(customTool), served: Object.fromEntries(served) }
}

function customTool({ name, description, input }: ToolDefinition): CustomTool {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(input, { io: 'input' })
  if (schema.type !== 'object') throw new Error(`tool ${name}: its input must be an object`)
  return { type: 'custom', name, description, input_schema: schema as CustomTool['input_schema'] }
}

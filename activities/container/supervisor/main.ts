/**
 * Runs inside a container as a child of its first process, which starts it again when it dies. Takes calls as lines of
 * JSON on standard input and answers on standard output; a line that is none is skipped, so both sides find each other
 * again after a restart.
 */
import { BashTool } from './bash.ts'
import { startBridge } from './bridge.ts'
import { Lines } from './lines.ts'
import type { FromSupervisor, ToSupervisor } from './protocol.ts'
import { type Result, ToolError, toolError } from './result.ts'

/** Tells the first process that this end was wanted. */
const hostWentAway = 3

// So that `pkill node` does not hit it.
process.title = 'supervisor'

const bash = new BashTool((id, text) => send({ event: 'output', id, text }))
type Tool = (input: Record<string, unknown>, id: string) => Promise<Result>
/** Loaded when they are called: without them a container is there sooner. */
const tools: Record<string, () => Promise<Tool>> = {
  read: async () => (await import('./files.ts')).read,
  write: async () => (await import('./files.ts')).write,
  edit: async () => (await import('./files.ts')).edit,
  glob: async () => (await import('./search.ts')).glob,
  grep: async () => (await import('./search.ts')).grep,
  checkout: async () => (await import('./checkout.ts')).checkout,
}

function send(message: FromSupervisor): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** Calls of tools that cannot be stopped half-way: their answer comes at once, what they find later is dropped. */
const abandoned = new Set<string>()
const open = new Set<string>()

async function call({ id, name, input, timeoutMs }: Extract<ToSupervisor, { op: 'call' }>): Promise<void> {
  open.add(id)
  try {
    answer(id, name === 'bash' ? await bash.call(id, input, timeoutMs) : await (await tools[name]!())(input, id))
  } catch (error) {
    const known = error instanceof ToolError || (error as NodeJS.ErrnoException).code !== undefined
    answer(id, toolError(known ? (error as Error).message : `the tool failed: ${error}`))
  } finally {
    open.delete(id)
    abandoned.delete(id)
  }
}

function answer(id: string, result: Result): void {
  if (!abandoned.has(id)) send({ event: 'result', id, result })
}

function stop(id: string): void {
  if (!open.has(id)) return
  if (bash.stop(id)) return
  answer(id, { ...toolError('The call was interrupted by the user before it ended.'), outcome: 'interrupted' })
  abandoned.add(id)
}

const lines = new Lines()
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk: string) => {
  for (const line of lines.take(chunk)) {
    let message: ToSupervisor
    try {
      message = JSON.parse(line)
    } catch {
      continue
    }
    if (message.op === 'call') void call(message)
    else if (message.op === 'stop') stop(message.id)
  }
})
process.stdin.on('end', () => process.exit(hostWentAway))
startBridge()
send({ event: 'ready' })
bash.start()

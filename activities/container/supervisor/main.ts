/**
 * Runs inside a container as a child of its first process, which starts it again when it dies. Takes calls as lines of
 * JSON on standard input and answers on standard output; a line that is none is skipped, so both sides find each other
 * again after a restart.
 */
import { BashTool } from './bash.ts'
import { startBridge } from './bridge.ts'
import { Lines } from './lines.ts'
import type { FromSupervisor, ToSupervisor } from './protocol.ts'
import { notBegun, type Result, ToolError, toolError } from './result.ts'
import { Turns } from './turns.ts'

/** Tells the first process that this end was wanted. */
const hostWentAway = 3

// So that `pkill node` does not hit it.
process.title = 'supervisor'

const bash = new BashTool((id, text) => send({ event: 'output', id, text }))
type Tool = (input: Record<string, unknown>, id: string, signal: AbortSignal) => Promise<Result>
/** Loaded when they are called: without them a container is there sooner. */
const tools: Record<string, () => Promise<Tool>> = {
  read: async () => (await import('./files.ts')).read,
  write: async () => (await import('./files.ts')).write,
  edit: async () => (await import('./files.ts')).edit,
  glob: async () => (await import('./search.ts')).glob,
  grep: async () => (await import('./search.ts')).grep,
}
/** Of these at once. What they find is in memory until it is told, and there is little: any number would be too much. */
const turns = new Turns(4)

/** Resolves when it is handed on. */
function send(message: FromSupervisor): Promise<void> {
  return new Promise((resolve) => process.stdout.write(`${JSON.stringify(message)}\n`, () => resolve()))
}

interface Open {
  hasBegun: boolean
  stop: AbortController
}
/** Calls that have no answer yet. */
const open = new Map<string, Open>()

async function call({ id, name, input, timeoutMs }: Extract<ToSupervisor, { op: 'call' }>): Promise<void> {
  const opened = { hasBegun: false, stop: new AbortController() }
  open.set(id, opened)
  const done = name in tools ? await turns.take() : undefined
  try {
    // It was stopped while it waited.
    if (open.get(id) !== opened) return
    opened.hasBegun = true
    await answer(id, opened, await run(id, name, input, timeoutMs, opened.stop.signal))
  } catch (error) {
    const known = error instanceof ToolError || (error as NodeJS.ErrnoException).code !== undefined
    await answer(id, opened, toolError(known ? (error as Error).message : `the tool failed: ${error}`))
  } finally {
    done?.()
  }
}

async function run(
  id: string,
  name: string,
  input: Record<string, unknown>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Result> {
  if (name === 'bash') return bash.call(id, input, timeoutMs)
  if (name === 'checkout') return (await import('./checkout.ts')).checkout(input)
  return (await tools[name]!())(input, id, signal)
}

/** Once: of calls that are stopped, what they find later is dropped. */
async function answer(id: string, opened: Open, result: Result): Promise<void> {
  if (open.get(id) !== opened) return
  open.delete(id)
  await send({ event: 'result', id, result })
}

/** Calls of tools that cannot be stopped half-way are answered at once, and go on. */
function stop(id: string): void {
  const opened = open.get(id)
  if (!opened || bash.stop(id)) return
  const ended = toolError('The call was interrupted by the user before it ended.')
  void answer(id, opened, opened.hasBegun ? { ...ended, outcome: 'interrupted' } : notBegun())
  opened.stop.abort('stopped')
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
void send({ event: 'ready' })
bash.start()

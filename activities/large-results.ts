import type { RunToolInput, ToolResult } from '../protocol/contract.ts'
import { limits } from '../protocol/limits.ts'
import type { SessionAgent } from '../protocol/sessions.ts'
import { builtinSetting } from '../protocol/tools.ts'
import type { Container } from './container/provider.ts'

/** A result that was made outside of the container. */
export interface OutsideResult extends ToolResult {
  /** All of its text, when `content` has only the beginning. Never part of an activity's result: histories are small. */
  whole?: string
}

/** Where the container has what the model sees only the beginning of; also where the outputs of its own tools go. */
const folder = '/home/agent/.tool-output'
/** Characters of one result that are kept. */
const kept = 8 * 1024 * 1024
/** Milliseconds that writing the file may take. */
const writeMs = 60_000

export interface KeepOptions {
  call: Pick<RunToolInput, 'toolUseId' | 'attempt'>
  agent: Pick<SessionAgent, 'tools'>
  open: () => Promise<Container>
  signal: AbortSignal
}

/**
 * Writes the text that the model does not see into a file of the session's container, which is made when there is none,
 * and says where it is. An agent that has no tool to read files with gets the beginning alone. The call itself has run:
 * that its text cannot be kept is no failure of it. Source: spec §10.6.
 */
export async function keepWhole({ whole, ...result }: OutsideResult, options: KeepOptions): Promise<ToolResult> {
  if (whole === undefined) return result
  const longer = `The result was longer than ${limits.toolOutputCharacters} characters`
  const saved = canRead(options.agent) ? await save(whole, options) : undefined
  if (!saved) return { ...result, content: [...result.content, note(`${longer}; the rest of the text is left out.`)] }
  const { news, file, notices } = saved
  const what = whole.length > kept ? `its first ${kept} characters are` : `all ${whole.length} characters are`
  const content = [
    ...news,
    ...result.content,
    note(`${longer}: ${what} in ${file}. Search that file, or read parts of it.`),
  ]
  return { ...result, content, ...(notices && { notices }) }
}

const canRead = ({ tools }: KeepOptions['agent']) =>
  ['bash', 'read', 'grep'].some((name) => builtinSetting(tools, name)?.enabled)

async function save(whole: string, { call, open, signal }: KeepOptions) {
  const file = `${folder}/${call.toolUseId}.txt`
  try {
    const container = await open()
    const content = whole.slice(0, kept).toWellFormed()
    // The ledger knows calls by their ids, and what a repeated call brings may be another text.
    const id = `${call.toolUseId}_kept_${call.attempt}`
    const written = await container.call(
      { id, name: 'write', input: { file_path: file, content }, timeoutMs: writeMs },
      { signal },
    )
    if (written.is_error || written.outcome !== 'done') return undefined
    // What a container has to say when it is made comes before the result of its first call.
    return { file, news: written.content.slice(0, -1), notices: written.notices }
  } catch (error) {
    console.error(`the long result of ${call.toolUseId} is not kept: ${error}`)
    return undefined
  }
}

const note = (text: string) => ({ type: 'text' as const, text: `[${text}]` })

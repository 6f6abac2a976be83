/**
 * What the scripted model answers. It follows directives in the newest message of the user, one reply a step, counting
 * the replies that came since: the same request always gets the same answer, so a repeated request shows nothing new.
 *
 *   #say TEXT          a reply of text; `{{last}}` stands for the newest tool result
 *   #bash COMMAND      a call of bash (`\n` in the command is a line break)
 *   #tool NAME JSON    a call of any tool
 *   #refuse            a refusal
 *   #long N            a reply of N words
 *
 * Lines that shape the reply after them:
 *
 *   #text TEXT         text before the call
 *   #think TEXT        a thinking block before the rest
 *   #and               the next call goes into the same reply as the one before
 *   #wait MS           milliseconds before the answer begins
 *   #slow MS           milliseconds between two deltas
 *   #fault KIND [retry-after=S] [times=N]   429, 500, 529, 400, 401, cut, silence or reset, N times (default 1)
 *
 * When the steps are used up, the reply is the newest tool result. Without directives it does what a person would expect
 * of a demonstration: it summarises when it is told to, reads the file that it is asked about,
 * and answers questions from the conversation.
 */
import { Refused } from './check.ts'
import type { Message } from './messages.ts'
import { textOf, toolResults } from './messages.ts'

const faultKinds = ['429', '500', '529', '400', '401', 'cut', 'silence', 'reset'] as const

export interface Fault {
  kind: (typeof faultKinds)[number]
  retryAfterSeconds?: number
  times: number
}

export type ReplyBlock =
  | { type: 'text'; text: string }
  | { type: 'thinking'; thinking: string }
  | { type: 'tool_use'; name: string; input: Record<string, unknown> }

/** One reply of the model. */
export interface Step {
  blocks: ReplyBlock[]
  refuse?: boolean
  waitMs?: number
  slowMs?: number
  fault?: Fault
}

export const label = '[scripted model]'

/** The reply to a conversation. */
export function answer(messages: Message[]): Step {
  const asked = messages.findLastIndex((message) => message.role === 'user' && textOf(message) !== '')
  const text = asked < 0 ? '' : newestText(messages[asked]!)
  const done = messages.slice(asked + 1).filter((message) => message.role === 'assistant').length
  const last = toolResults(messages.at(-1)).at(-1) ?? ''
  const steps = text.split('\n').some((line) => line.startsWith('#'))
    ? parseScript(text)
    : demonstrate(text, messages, asked)
  const step = steps[done]
  if (!step) return { blocks: [{ type: 'text', text: `${label} ${last.trim() || 'done'}` }] }
  const fill = (block: ReplyBlock): ReplyBlock =>
    block.type === 'text' ? { ...block, text: block.text.replaceAll('{{last}}', last.trim()) } : block
  return { ...step, blocks: step.blocks.map(fill) }
}

/** Several messages may have been taken together: the newest one with directives counts, otherwise all. */
function newestText(message: Message): string {
  const scripted = message.content.findLast((block) => block.type === 'text' && /^#/m.test(String(block.text)))
  return scripted ? String(scripted.text) : textOf(message)
}

/** @throws Refused with the line that is not understood */
export function parseScript(text: string): Step[] {
  const steps: Step[] = []
  let shape: Step = { blocks: [] }
  let joined = false
  const add = (block: ReplyBlock | undefined, extra: Partial<Step> = {}) => {
    const blocks = [...shape.blocks, ...(block ? [block] : [])]
    const before = steps.at(-1)
    if (joined && before) before.blocks.push(...blocks)
    else steps.push({ ...shape, ...extra, blocks })
    shape = { blocks: [] }
    joined = false
  }
  for (const line of text.split('\n')) {
    const match = /^#(\w+)\s?(.*)$/.exec(line.trimEnd())
    if (!match) continue
    const [, directive, rest = ''] = match
    if (directive === 'say') add({ type: 'text', text: `${label} ${rest}` })
    else if (directive === 'long') add({ type: 'text', text: `${label} ${'word '.repeat(Number(rest)).trim()}` })
    else if (directive === 'bash')
      add({ type: 'tool_use', name: 'bash', input: { command: rest.replaceAll('\\n', '\n') } })
    else if (directive === 'tool') add(toolCall(line, rest))
    else if (directive === 'refuse') add(undefined, { refuse: true })
    else if (directive === 'text') shape.blocks.push({ type: 'text', text: rest })
    else if (directive === 'think') shape.blocks.push({ type: 'thinking', thinking: rest })
    else if (directive === 'and') joined = true
    else if (directive === 'wait') shape.waitMs = Number.parseInt(rest, 10)
    else if (directive === 'slow') shape.slowMs = Number.parseInt(rest, 10)
    else if (directive === 'fault') shape.fault = parseFault(line, rest)
    else throw new Refused(`the script has an unknown directive: ${line}`)
  }
  if (shape.blocks.length > 0 || shape.fault || shape.waitMs) add(undefined)
  return steps
}

function toolCall(line: string, rest: string): ReplyBlock {
  const [name = '', ...json] = rest.split(' ')
  try {
    return { type: 'tool_use', name, input: JSON.parse(json.join(' ') || '{}') }
  } catch {
    throw new Refused(`the script has a tool input that is no JSON: ${line}`)
  }
}

function parseFault(line: string, rest: string): Fault {
  const [name, ...options] = rest.split(/\s+/)
  const kind = faultKinds.find((known) => known === name)
  if (!kind) throw new Refused(`the script has an unknown fault: ${line}`)
  const option = (name: string) => options.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1)
  const after = option('retry-after')
  return {
    kind,
    times: Number(option('times') ?? 1),
    ...(after !== undefined && { retryAfterSeconds: Number(after) }),
  }
}

/** Behaves like an agent that was given a CSV file. */
function demonstrate(text: string, messages: Message[], asked: number): Step[] {
  const path = /(\/[\w./-]+\.csv)/.exec(text)?.[1]
  if (path) return [look(path), scan(path), summary(messages, path)]
  // The request for a summary comes behind whatever else the message says.
  if (/replaced by a\s+summary/.test(text)) return [say(`${label} Until now the user said: ${requests(messages)}`)]
  const known = messages
    .slice(0, asked)
    .findLast((message) => message.role === 'assistant' && textOf(message).includes('rows'))
  if (known) return [say(`${label} From before, without looking again: ${textOf(known).replace(`${label} `, '')}`)]
  return [say(`${label} You said: ${text.trim()}`)]
}

/** The first line of everything that the user said. */
function requests(messages: Message[]): string {
  const texts = messages.filter(({ role }) => role === 'user').flatMap(({ content }) => content)
  const lines = texts.map((block) => (block.type === 'text' ? String(block.text).split('\n')[0]! : ''))
  return lines.filter(Boolean).slice(0, -1).join(' / ')
}

const say = (text: string): Step => ({ blocks: [{ type: 'text', text }], slowMs: 5 })

function look(path: string): Step {
  return {
    blocks: [
      { type: 'text', text: `I will look at the beginning of ${path} first.` },
      { type: 'tool_use', name: 'bash', input: { command: `head -n 4 ${path}` } },
    ],
    slowMs: 5,
  }
}

/** Takes a few seconds, as real work does: long enough to kill a worker under it. */
function scan(path: string): Step {
  const command = [
    `for part in 1 2 3 4 5 6; do echo "scanning part $part of 6"; sleep 0.5; done`,
    `awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) name[i] = $i; next }`,
    `  { rows++; for (i = 1; i <= NF; i++) if ($i + 0 == $i) { sum[i] += $i; count[i]++ } }`,
    `  END { print "rows: " rows; for (i = 1; i <= NF; i++) if (count[i] == rows) print "mean of " name[i] ": " sum[i] / rows }' ${path}`,
  ].join('\n')
  return { blocks: [{ type: 'tool_use', name: 'bash', input: { command } }] }
}

function summary(messages: Message[], path: string): Step {
  const results = messages.flatMap((message) => toolResults(message))
  const columns =
    results
      .find((result) => result.includes(','))
      ?.split('\n')[0]
      ?.split(',') ?? []
  const facts =
    results
      .at(-1)
      ?.split('\n')
      .filter((line) => /^(rows|mean of)/.test(line)) ?? []
  const rows = facts.find((fact) => fact.startsWith('rows'))?.split(': ')[1] ?? 'an unknown number of'
  const means = facts.filter((fact) => fact.startsWith('mean')).join(', ')
  return say(`${label} ${path} has ${rows} rows and the columns ${columns.join(', ')}.${means ? ` The ${means}.` : ''}`)
}

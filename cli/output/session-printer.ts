import { styleText } from 'node:util'
import type Anthropic from '@anthropic-ai/sdk'
import { printable } from './printable.ts'

type Event = Anthropic.Beta.Sessions.BetaManagedAgentsStreamSessionEvents
type Color = Parameters<typeof styleText>[0]

const margin = 11
/** Lines of a tool's result that are shown; `sessions events` has the rest. */
const resultLines = 20

/** Prints a session's events as a person likes to read them: text as it is written, tools with commands and results. */
export class SessionPrinter {
  saidSomething = false
  /** The message that is being written, and what of it is on the screen. */
  #open: { id: string; text: string } | undefined

  /** @returns whether the event is one that people are shown */
  show(event: Event): boolean {
    switch (event.type) {
      case 'event_start':
        if (event.event.type === 'agent.message') this.#begin(event.event.id)
        return true
      case 'event_delta':
        if (this.#open?.id === event.event_id && 'text' in event.delta.content) this.#write(event.delta.content.text)
        return true
      case 'agent.message':
        this.saidSomething = true
        this.#message(event.id, textOf(event.content))
        return true
      default:
        return this.#whole(event)
    }
  }

  /** Ends the line that is being written: its message comes again, whole. */
  cut(): void {
    if (this.#open) process.stdout.write('\n')
    this.#open = undefined
  }

  #whole(event: Event): boolean {
    switch (event.type) {
      case 'user.message':
        return event.processed_at !== null && this.#line('cyan', 'you', textOf(event.content))
      case 'user.interrupt':
        return event.processed_at !== null && this.#line('yellow', 'you', 'interrupt')
      case 'user.tool_confirmation': {
        const reason = event.deny_message ? `: ${event.deny_message}` : ''
        return event.processed_at !== null && this.#line('cyan', 'you', `${event.result} ${event.tool_use_id}${reason}`)
      }
      case 'session.status_running':
        return this.#line('dim', 'status', 'running')
      case 'session.status_rescheduled':
        return this.#line('yellow', 'status', 'rescheduling')
      case 'session.status_idle':
        this.#line('dim', 'status', `idle (${event.stop_reason.type})`)
        if (event.stop_reason.type === 'requires_action') {
          for (const id of event.stop_reason.event_ids) this.#line('yellow', 'waits', id)
        }
        return true
      case 'session.status_terminated':
      case 'session.deleted':
        return this.#line('dim', 'status', event.type === 'session.deleted' ? 'deleted' : 'terminated')
      case 'session.error':
        return this.#line('yellow', 'error', `${event.error.message} (${event.error.retry_status.type})`)
      case 'agent.tool_use':
      case 'agent.custom_tool_use':
      case 'agent.mcp_tool_use':
        return this.#line('magenta', event.name, callOf(event.input))
      case 'agent.tool_result':
      case 'agent.mcp_tool_result':
        return this.#line(
          event.is_error ? 'red' : 'dim',
          event.is_error ? 'failed' : 'result',
          shortened(textOf(event.content ?? [])),
        )
      case 'agent.thread_context_compacted':
        return this.#line('dim', 'status', 'conversation compacted')
      case 'span.model_request_end': {
        const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } = event.model_usage
        const prompt = input_tokens + cache_read_input_tokens + cache_creation_input_tokens
        return this.#line('dim', 'tokens', `${prompt} in (${cache_read_input_tokens} cached), ${output_tokens} out`)
      }
      default:
        return false
    }
  }

  #begin(id: string): void {
    this.cut()
    this.#open = { id, text: '' }
    process.stdout.write(styleText('green', label('agent')))
  }

  #write(text: string): void {
    this.#open!.text += text
    process.stdout.write(printable(text).replaceAll('\n', `\n${' '.repeat(margin)}`))
  }

  #message(id: string, text: string): void {
    if (this.#open?.id === id && text.startsWith(this.#open.text)) {
      // Previews may stop early under load.
      this.#write(text.slice(this.#open.text.length))
      this.cut()
    } else this.#line('green', 'agent', text)
  }

  #line(color: Color, name: string, text: string): true {
    this.cut()
    const [first = '', ...rest] = printable(text).split('\n')
    const lines = [
      `${styleText(color, label(printable(name)))}${first}`,
      ...rest.map((line) => ' '.repeat(margin) + line),
    ]
    process.stdout.write(`${lines.join('\n')}\n`)
    return true
  }
}

const label = (name: string) => `  ${name.padEnd(margin - 3)} `

/** The command of a shell, the path of a file tool, or the whole input. */
function callOf(input: Record<string, unknown>): string {
  const { command, file_path } = input
  if (typeof command === 'string') return command
  if (typeof file_path === 'string') return file_path
  return JSON.stringify(input)
}

function shortened(text: string): string {
  const lines = text.replace(/\n+$/, '').split('\n')
  if (lines.length <= resultLines) return lines.join('\n')
  const half = resultLines / 2
  return [...lines.slice(0, half), `… ${lines.length - resultLines} more lines …`, ...lines.slice(-half)].join('\n')
}

function textOf(content: readonly { type: string }[]): string {
  return content.map((block) => ('text' in block ? String(block.text) : `[${block.type}]`)).join('\n')
}

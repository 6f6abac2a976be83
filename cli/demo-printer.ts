import { styleText } from 'node:util'
import type Anthropic from '@anthropic-ai/sdk'

type Event = Anthropic.Beta.Sessions.BetaManagedAgentsStreamSessionEvents

/** Prints a session's events as a person likes to read them. */
export class Printer {
  saidSomething = false
  /** The message whose text has been printed as it arrived. */
  #previewed: string | undefined

  show(event: Event): void {
    switch (event.type) {
      case 'user.message':
        if (event.processed_at === null) return
        this.#line('cyan', 'you', textOf(event.content))
        return
      case 'session.status_running':
        this.#line('dim', 'status', 'running')
        return
      case 'session.status_rescheduled':
        this.#line('yellow', 'status', 'rescheduling')
        return
      case 'session.status_idle':
        this.#line('dim', 'status', `idle (${event.stop_reason.type})`)
        return
      case 'session.error':
        this.#line('yellow', 'error', `${event.error.message} (${event.error.retry_status.type})`)
        return
      case 'agent.tool_use':
        this.#line('magenta', event.name, String(event.input.command ?? JSON.stringify(event.input)))
        return
      case 'agent.tool_result':
        this.#line('dim', event.is_error ? 'failed' : 'result', textOf(event.content ?? []))
        return
      case 'event_start':
        if (event.event.type === 'agent.message') {
          this.#previewed = event.event.id
          process.stdout.write(styleText('green', `  ${'agent'.padEnd(8)} `))
        }
        return
      case 'event_delta':
        process.stdout.write('text' in event.delta.content ? event.delta.content.text : '')
        return
      case 'agent.message':
        this.saidSomething = true
        if (this.#previewed === event.id) console.log()
        else this.#line('green', 'agent', textOf(event.content))
        return
      case 'span.model_request_end': {
        const { input_tokens, cache_read_input_tokens, cache_creation_input_tokens, output_tokens } = event.model_usage
        const prompt = input_tokens + cache_read_input_tokens + cache_creation_input_tokens
        this.#line('dim', 'tokens', `${prompt} in (${cache_read_input_tokens} cached), ${output_tokens} out`)
        return
      }
    }
  }

  #line(color: Parameters<typeof styleText>[0], label: string, text: string): void {
    const [first = '', ...rest] = text.split('\n')
    const margin = ' '.repeat(11)
    console.log([`  ${styleText(color, label.padEnd(8))} ${first}`, ...rest.map((line) => margin + line)].join('\n'))
  }
}

function textOf(content: readonly { type: string }[]): string {
  return content.map((block) => ('text' in block ? String(block.text) : `[${block.type}]`)).join('\n')
}

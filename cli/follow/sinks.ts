import { styleText } from 'node:util'
import { Output } from '../output/output.ts'
import { oneLine, printable } from '../output/printable.ts'
import { SessionPrinter } from '../output/session-printer.ts'
import { type IdleEvent, type Outcome, whyStopped } from './settled.ts'
import type { Followed, StreamedEvent } from './stream.ts'

/** Where the events of a session go that is followed. */
export interface Sink {
  readonly wantsPreviews: boolean
  see(followed: Followed): void
  /** The connection broke: what was being written comes again, whole. */
  broke(): void
  /** Nothing more comes; without an outcome because somebody pressed Ctrl-C or the session ended. */
  end(outcome?: Outcome): void
}

/** For people, and for logs of them: lines, on a terminal with text as it is written. */
export class People implements Sink {
  readonly wantsPreviews = process.stdout.isTTY === true
  readonly #printer = new SessionPrinter()
  readonly #sessionId: string
  #cursor: string | undefined

  constructor(sessionId: string) {
    this.#sessionId = sessionId
  }

  see({ cursor, event }: Followed): void {
    this.#cursor = cursor ?? this.#cursor
    this.#printer.show(event)
  }

  broke(): void {
    this.#printer.cut()
    note('connection lost, trying again …')
  }

  end(outcome?: Outcome): void {
    this.#printer.cut()
    if (outcome?.stop_reason?.type === 'requires_action') {
      note(`it waits for an answer: holdfast sessions allow ${this.#sessionId} --all (or deny, or result)`)
    } else if (!outcome && this.#cursor) {
      note(`go on with: holdfast sessions tail ${this.#sessionId} --after ${this.#cursor}`)
    }
  }
}

/** A JSON line for each event, with its cursor. */
export class JsonLines implements Sink {
  readonly wantsPreviews = false
  readonly #output = new Output({ json: true })

  see({ cursor, event }: Followed): void {
    this.#output.line(JSON.stringify({ cursor: cursor ?? null, ...event }))
  }

  broke(): void {}
  end(): void {}
}

/** Nothing but the last message of the agent, or as JSON how the turn ended; on standard error why, when it did not end well. */
export class Answer implements Sink {
  readonly wantsPreviews = false
  readonly #sessionId: string
  readonly #output: Output
  #text = ''
  /** What the turn says of its end. */
  #error: string | undefined
  #details: IdleEvent['stop_details'] | undefined

  constructor(sessionId: string, { json = false }: { json?: boolean } = {}) {
    this.#sessionId = sessionId
    this.#output = new Output({ json })
  }

  see({ event }: Followed): void {
    if (event.type === 'agent.message') this.#text = textOf(event)
    else if (event.type === 'session.status_running') this.#error = undefined
    else if (event.type === 'session.error') this.#error = event.error.message
    else if (event.type === 'session.status_idle') this.#details = event.stop_details
  }

  broke(): void {}

  end(outcome?: Outcome): void {
    if (this.#output.json)
      this.#output.line(JSON.stringify({ session_id: this.#sessionId, ...outcome, text: this.#text }))
    else if (this.#text !== '') this.#output.line(this.#output.isTerminal ? printable(this.#text) : this.#text)
    const said = { error: this.#error, details: this.#details }
    const why = outcome && whyStopped(this.#sessionId, outcome, said)
    if (why) process.stderr.write(`holdfast: ${oneLine(why)}\n`)
  }
}

function textOf({ content }: Extract<StreamedEvent, { type: 'agent.message' }>): string {
  return content.map((block) => ('text' in block ? block.text : '')).join('\n')
}

const note = (text: string) => new Output().note(styleText('dim', text, { stream: process.stderr }))

import type { PreviewEvent } from '../protocol/events.ts'
import type { Carrier } from '../store/carrier.ts'
import { type HostBus, LocalBus } from './bus.ts'

export interface SharedBusTimes {
  /** How long previews of a session are gathered before they are sent, milliseconds. @default 25 */
  gatherMs?: number
  /** How often a process says again what it wants, milliseconds. @default 10,000 */
  repeatMs?: number
  /** What a process wants that has not said so for this long, milliseconds, it wants no more. @default 35,000 */
  forgetMs?: number
}

/** What processes say to each other. */
type Said = { from: string } & (
  | { says: 'previews'; session: string; previews: PreviewEvent[] }
  | { says: 'wants'; sessions: string[] }
  | { says: 'leaves'; session: string }
  /** It has just begun, and does not know what the others want. */
  | { says: 'hello' }
)

/**
 * For publishers and readers in processes of several machines. Previews are sent of sessions only that somebody elsewhere
 * wants. Word of interrupts stays in the process: machines have no common clock, and workers elsewhere see them in the
 * history.
 */
export class SharedBus implements HostBus {
  #onInterest: HostBus['onInterest']
  readonly #carrier: Carrier
  readonly #name = crypto.randomUUID()
  readonly #gatherMs: number
  readonly #forgetMs: number
  readonly #local = new LocalBus()
  /** Sessions that are listened to here. */
  readonly #own = new Set<string>()
  /** What others want, by session and process, and when they last said so. */
  readonly #others = new Map<string, Map<string, number>>()
  readonly #gathered = new Map<string, PreviewEvent[]>()
  #flushing: NodeJS.Timeout | undefined
  readonly #repeating: NodeJS.Timeout

  constructor(carrier: Carrier, { gatherMs = 25, repeatMs = 10_000, forgetMs = 35_000 }: SharedBusTimes = {}) {
    this.#carrier = carrier
    this.#gatherMs = gatherMs
    this.#forgetMs = forgetMs
    this.#local.onInterest = (sessionId, isWanted) => this.#listened(sessionId, isWanted)
    carrier.onText = (text) => this.#hear(text)
    this.#say({ says: 'hello' })
    this.#repeating = setInterval(() => {
      this.#forget()
      this.#sayWants()
    }, repeatMs).unref()
  }

  get onInterest(): HostBus['onInterest'] {
    return this.#onInterest
  }

  /** Is told of what is wanted already, too. */
  set onInterest(listener: HostBus['onInterest']) {
    this.#onInterest = listener
    for (const sessionId of new Set([...this.#own, ...this.#others.keys()])) listener?.(sessionId, true)
  }

  get onInterrupted(): HostBus['onInterrupted'] {
    return this.#local.onInterrupted
  }

  set onInterrupted(listener: HostBus['onInterrupted']) {
    this.#local.onInterrupted = listener
  }

  interrupted(sessionId: string, sentAt: number): void {
    this.#local.interrupted(sessionId, sentAt)
  }

  subscribe(sessionId: string, listener: (preview: PreviewEvent) => void): () => void {
    return this.#local.subscribe(sessionId, listener)
  }

  publish(sessionId: string, preview: PreviewEvent): void {
    this.#local.publish(sessionId, preview)
    if (!this.#others.has(sessionId)) return
    const gathered = this.#gathered.get(sessionId)
    if (gathered) gathered.push(preview)
    else this.#gathered.set(sessionId, [preview])
    this.#flushing ??= setTimeout(() => this.#flush(), this.#gatherMs)
  }

  /** Sends nothing and hears nothing any more. Local readers go on. */
  close(): void {
    clearInterval(this.#repeating)
    clearTimeout(this.#flushing)
    this.#carrier.onText = undefined
  }

  #listened(sessionId: string, isWanted: boolean): void {
    this.#changed(sessionId, () => {
      if (isWanted) this.#own.add(sessionId)
      else this.#own.delete(sessionId)
    })
    this.#say(isWanted ? { says: 'wants', sessions: [sessionId] } : { says: 'leaves', session: sessionId })
  }

  /** Tells the publishers of this process when a change makes a session wanted, or no more. */
  #changed(sessionId: string, change: () => void): void {
    const isWanted = () => this.#own.has(sessionId) || this.#others.has(sessionId)
    const before = isWanted()
    change()
    if (isWanted() !== before) this.#onInterest?.(sessionId, !before)
  }

  #flush(): void {
    this.#flushing = undefined
    for (const [session, previews] of this.#gathered) {
      const says = (list: PreviewEvent[]): Saying => ({ says: 'previews', session, previews: list })
      for (const list of this.#fitting(previews.flatMap(short), says)) this.#say(says(list))
    }
    this.#gathered.clear()
  }

  #sayWants(): void {
    const says = (sessions: string[]): Saying => ({ says: 'wants', sessions })
    for (const list of this.#fitting([...this.#own], says)) this.#say(says(list))
  }

  /** A list in parts, each of which can be carried. */
  #fitting<T>(list: T[], says: (part: T[]) => Saying): T[][] {
    if (list.length === 0) return []
    if (list.length === 1 || byteLength(this.#text(says(list))) <= this.#carrier.maxBytes) return [list]
    const middle = list.length >> 1
    return [...this.#fitting(list.slice(0, middle), says), ...this.#fitting(list.slice(middle), says)]
  }

  #say(saying: Saying): void {
    this.#carrier.send(this.#text(saying))
  }

  #text(saying: Saying): string {
    return JSON.stringify({ from: this.#name, ...saying })
  }

  #hear(text: string): void {
    const said = saidIn(text)
    if (!said || said.from === this.#name) return
    const { from } = said
    if (said.says === 'previews') {
      for (const preview of said.previews) this.#local.publish(said.session, preview)
    } else if (said.says === 'wants') {
      for (const session of said.sessions) {
        this.#changed(session, () => {
          const wanting = this.#others.get(session) ?? new Map<string, number>()
          this.#others.set(session, wanting.set(from, performance.now()))
        })
      }
    } else if (said.says === 'leaves') {
      this.#leaves(said.session, from)
    } else if (said.says === 'hello') {
      this.#sayWants()
    }
  }

  #leaves(sessionId: string, from: string): void {
    const wanting = this.#others.get(sessionId)
    if (!wanting?.delete(from) || wanting.size > 0) return
    this.#changed(sessionId, () => this.#others.delete(sessionId))
  }

  #forget(): void {
    const now = performance.now()
    for (const [session, wanting] of this.#others) {
      for (const [from, heardAt] of wanting) if (now - heardAt > this.#forgetMs) this.#leaves(session, from)
    }
  }
}

type Saying = Said extends infer S ? (S extends { from: string } ? Omit<S, 'from'> : never) : never

/** What a text says; nothing when somebody else sent it, who may use the database too. */
function saidIn(text: string): Said | undefined {
  try {
    return (JSON.parse(text) as Said | null) ?? undefined
  } catch {
    return undefined
  }
}

const byteLength = (text: string) => Buffer.byteLength(text)

/** Characters of a preview that fits into any text that is carried, whatever they are: each has up to six bytes in JSON. */
const mostCharacters = 1000

/** A preview in parts that say the same one after the other. */
function short(preview: PreviewEvent): PreviewEvent[] {
  if (preview.type !== 'event_delta') return [preview]
  const { delta } = preview
  const characters = [...delta.content.text]
  if (characters.length <= mostCharacters) return [preview]
  const parts: PreviewEvent[] = []
  for (let at = 0; at < characters.length; at += mostCharacters) {
    const text = characters.slice(at, at + mostCharacters).join('')
    parts.push({ ...preview, delta: { ...delta, content: { ...delta.content, text } } })
  }
  return parts
}

/**
 * Identifiers of the API: a prefix that names the kind, then an opaque body. Source: spec §2.6.
 */

/** The prefix of every kind of object this API names. */
export const prefixes = {
  agent: 'agent_',
  environment: 'env_',
  session: 'sesn_',
  event: 'sevt_',
  resource: 'sesrsc_',
  thread: 'sthr_',
  outcome: 'outc_',
  file: 'file_',
  vault: 'vlt_',
  credential: 'vcrd_',
  memoryStore: 'memstore_',
  memory: 'mem_',
  memoryVersion: 'memver_',
  skill: 'skill_',
  skillVersion: 'skver_',
  apiKey: 'apikey_',
  deployment: 'depl_',
  deploymentRun: 'drun_',
  request: 'req_',
  webhookEvent: 'whe_',
} as const

export type IdKind = keyof typeof prefixes

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Digits in base 62 that a double holds exactly. */
const digitsAtOnce = 8
const atOnce = 62n ** BigInt(digitsAtOnce)

/** Writes a number in base 62, left-padded with zeros to `width`. */
export function base62(value: bigint, width: number): string {
  let text = ''
  // Every event gets an id, and dividing a bigint takes much longer than dividing a double.
  for (let rest = value; ; rest /= atOnce) {
    const isLast = rest < atOnce
    let digits = Number(isLast ? rest : rest % atOnce)
    for (let count = 0; isLast ? digits > 0 : count < digitsAtOnce; count++) {
      text = alphabet[digits % 62] + text
      digits = Math.floor(digits / 62)
    }
    if (isLast) return text.padStart(width, '0')
  }
}

/**
 * The body of an id made from a UUID: 22 characters. Takes the UUID instead of making one, so that workflow code can
 * pass its deterministic `uuid4()`.
 */
export function idBody(uuid: string): string {
  return base62(BigInt(`0x${uuid.replaceAll('-', '')}`), 22)
}

/** An id of the given kind made from a UUID. */
export function idFrom(kind: IdKind, uuid: string): string {
  return prefixes[kind] + idBody(uuid)
}

/** A new random id. Not for workflow code, which has no randomness of its own: there use `idFrom(kind, uuid4())`. */
export function newId(kind: IdKind): string {
  return idFrom(kind, crypto.randomUUID())
}

/** Whether the text could be an id of this kind: its prefix, then 1 to 64 letters or digits. */
export function isId(kind: IdKind, text: string): boolean {
  return text.startsWith(prefixes[kind]) && /^[0-9A-Za-z]{1,64}$/.test(text.slice(prefixes[kind].length))
}

/** The id of a session's primary thread: the session's own body, so that nobody has to store it. */
export function primaryThreadId(sessionId: string): string {
  return prefixes.thread + sessionId.slice(prefixes.session.length)
}

/**
 * Ids of the events that one model request brings forth. Their common base is the id of the activity that performs the
 * request, chosen by the workflow: so a live preview can name an event before it exists, and everybody who reads the
 * history arrives at the same ids.
 */
export const stepEvent = {
  /** `span.model_request_start` */
  start: (base: string) => `${prefixes.event}${base}00`,
  /** `span.model_request_end` */
  end: (base: string) => `${prefixes.event}${base}01`,
  /** The event that begins with content block `index` of the reply. */
  block: (base: string, index: number) => `${prefixes.event}${base}${base62(BigInt(index) + 2n, 2)}`,
  /** The `span.model_request_start` of the request that an event with such an id is of. */
  startOf: (eventId: string) => `${eventId.slice(0, -2)}00`,
} as const

/** The id of the result event of a tool use. */
export function toolResultId(toolUseId: string): string {
  return `${toolUseId}r`
}

import type Anthropic from '@anthropic-ai/sdk'

type Event = Anthropic.Beta.Sessions.BetaManagedAgentsStreamSessionEvents

/** Creates a session of the host's agent. */
export function newSession(host: { client: Anthropic; agent: string; environment: string }) {
  return host.client.beta.sessions.create({ agent: host.agent, environment_id: host.environment })
}

export const message = (text: string) => ({ type: 'user.message' as const, content: [{ type: 'text' as const, text }] })

/**
 * Opens the stream, sends, and collects what comes until the test says that it is enough (by default: until the session
 * is idle). `onEvent` sees each event as it comes.
 */
export async function converse(
  client: Anthropic,
  sessionId: string,
  input: string | Anthropic.Beta.Sessions.EventSendParams['events'],
  options: {
    until?: (event: Event) => boolean
    onEvent?: (event: Event) => unknown
    deltas?: ('agent.message' | 'agent.thinking')[]
  } = {},
): Promise<Event[]> {
  const until = options.until ?? ((event) => event.type === 'session.status_idle')
  const stream = await client.beta.sessions.events.stream(sessionId, { event_deltas: options.deltas })
  const events: Event[] = []
  try {
    await client.beta.sessions.events.send(sessionId, { events: typeof input === 'string' ? [message(input)] : input })
    for await (const event of stream) {
      events.push(event)
      await options.onEvent?.(event)
      if (until(event)) return events
    }
    throw new Error(`the stream ended after: ${events.map((event) => event.type).join(', ')}`)
  } finally {
    stream.controller.abort()
  }
}

/** Every event of the list. */
export async function listed(client: Anthropic, sessionId: string, limit?: number) {
  const events = []
  for await (const event of client.beta.sessions.events.list(sessionId, limit ? { limit } : {})) events.push(event)
  return events
}

export const typesOf = (events: { type: string }[]) => events.map((event) => event.type)

/** The text of the newest message of the agent. */
export function lastText(events: { type: string }[]): string {
  const last = events.findLast((event) => event.type === 'agent.message') as { content: { text: string }[] } | undefined
  return last?.content.map((block) => block.text).join('') ?? ''
}

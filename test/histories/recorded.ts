import type { PayloadCodec } from '@temporalio/common'
import type { temporal } from '@temporalio/proto'
import { formatCursor } from '../../log/cursor.ts'
import { HistoryDecoder } from '../../log/decoder.ts'
import { viewOf } from '../../log/run-view.ts'

/** A fixture: the history of a session's run, as JSON of the protocol's message, and what it showed when it was made. */
export interface Recorded {
  workflowId: string
  history: unknown
  events: { cursor: string; received: boolean; event: unknown }[]
}

/** What a history shows today. */
export async function eventsOf(
  history: temporal.api.history.v1.IHistory,
  codec: PayloadCodec,
): Promise<Recorded['events']> {
  const decoder = new HistoryDecoder(codec)
  const facts = []
  for (const event of history.events ?? []) {
    const fact = await decoder.decode(event)
    if (fact) facts.push(fact)
  }
  const run = facts[0]?.kind === 'started' ? facts[0].input.run : 0
  const { items } = viewOf(run, facts)
  return items.map(({ cursor, received, event }) => ({ cursor: formatCursor(cursor), received, event }))
}

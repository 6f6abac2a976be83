import type { SeenEvent } from '../../chaos/event-stream.ts'
import type { Evidence } from '../../chaos/evidence.ts'

const at = (second: number) => new Date(1_700_000_000_000 + second * 1000).toISOString()
export const ms = (second: number) => 1_700_000_000_000 + second * 1000

/** What the users of a session see with which all is well: a message, a call of bash, an answer. */
export function goodEvidence(): Evidence {
  const message = {
    type: 'user.message',
    id: 'sevt_m',
    content: [{ type: 'text', text: '[s1] {s1.1}\n#say said s1.1' }],
  }
  const listed: SeenEvent[] = [
    { ...message, processed_at: at(1) },
    { type: 'session.status_running', id: 'sevt_r', processed_at: at(1) },
    { type: 'span.model_request_start', id: 'sevt_s1', processed_at: at(2) },
    {
      type: 'agent.tool_use',
      id: 'sevt_u',
      name: 'bash',
      input: { command: 'echo "s1.1.1 begin $(date +%s%3N)" >> log; echo "did s1.1.1"' },
      processed_at: at(3),
    },
    {
      type: 'span.model_request_end',
      id: 'sevt_e1',
      model_request_start_id: 'sevt_s1',
      is_error: false,
      processed_at: at(3),
    },
    {
      type: 'agent.tool_result',
      id: 'sevt_t',
      tool_use_id: 'sevt_u',
      is_error: false,
      content: [{ type: 'text', text: 'did s1.1.1' }],
      processed_at: at(4),
    },
    { type: 'span.model_request_start', id: 'sevt_s2', processed_at: at(5) },
    { type: 'agent.message', id: 'sevt_a', content: [{ type: 'text', text: 'said s1.1' }], processed_at: at(6) },
    {
      type: 'span.model_request_end',
      id: 'sevt_e2',
      model_request_start_id: 'sevt_s2',
      is_error: false,
      processed_at: at(6),
    },
    { type: 'session.status_idle', id: 'sevt_i', stop_reason: { type: 'end_turn' }, processed_at: at(6) },
  ]
  const items = [{ ...message, processed_at: null }, ...listed].map((event, index) => ({
    cursor: `0.${index + 1}.0`,
    event,
    at: ms(index),
  }))
  return {
    name: 's1',
    id: 'sesn_1',
    accepted: [{ key: 's1-1', ids: ['sevt_m'], mark: 's1.1' }],
    complaints: [],
    listed,
    pages: listed,
    streams: [items, structuredClone(items)],
    lines: [`s1.1.1 begin ${ms(3)}`, `s1.1.1 end ${ms(4)}`],
    requests: [
      { session: 's1', at: ms(2), print: 'a', status: 200, answeredAt: ms(2.5) },
      { session: 's1', at: ms(5), print: 'b', status: 200, answeredAt: ms(5.5) },
    ],
  }
}

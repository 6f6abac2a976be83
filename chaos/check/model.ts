import type { Evidence } from '../evidence.ts'
import type { CheckFinding } from './finding.ts'

/** No request is refused, and none repeats a step whose end is in the log. */
export function checkModel({ listed, requests }: Evidence): CheckFinding[] {
  const found: CheckFinding[] = requests
    .filter(({ status }) => status === 400)
    .map(({ at, refusal }) => ({ kind: 'invalid', text: `the request of ${new Date(at).toISOString()}: ${refusal}` }))
  for (const { from, to } of finishedSteps(listed)) {
    const answered = requests.findLast(
      ({ at, answeredAt }) => at >= from && answeredAt !== undefined && answeredAt <= to,
    )
    if (!answered) continue
    const again = requests.find(({ print, at }) => print === answered.print && at > to)
    if (!again) continue
    const text = `the step that ended ${new Date(to).toISOString()} was asked for again ${new Date(again.at).toISOString()}`
    found.push({ kind: 'rebilled', text })
  }
  return found
}

/** When each step began and ended whose reply is in the log. */
function finishedSteps(listed: Evidence['listed']): { from: number; to: number }[] {
  const begun = new Map(
    listed
      .filter(({ type }) => type === 'span.model_request_start')
      .map(({ id, processed_at }) => [id, Date.parse(processed_at!)]),
  )
  return listed
    .filter(({ type, is_error }) => type === 'span.model_request_end' && !is_error)
    .map((end) => ({
      from: begun.get(String(end.model_request_start_id)) ?? 0,
      to: Date.parse(end.processed_at!),
    }))
}

import type { SeenEvent } from '../event-stream.ts'
import type { Evidence } from '../evidence.ts'
import type { CheckFinding } from './finding.ts'

/** Every tool use has one result, that is true to what the call did; none ran twice. */
export function checkTools({ listed, lines }: Evidence): CheckFinding[] {
  const found: CheckFinding[] = []
  const results = Map.groupBy(
    listed.filter(({ type }) => type.endsWith('tool_result')),
    (event) => String(event.tool_use_id ?? event.custom_tool_use_id),
  )
  for (const use of listed.filter(({ type }) => type === 'agent.tool_use' || type === 'agent.custom_tool_use')) {
    const given = results.get(use.id) ?? []
    // A client's answer may have been accepted when an interrupt had just given the call its result: then it stays in
    // the log, and the model is shown the first one.
    const [own, answers] = [given.filter(isOwn), given.filter((event) => !isOwn(event))]
    if (given.length === 0) found.push({ kind: 'unmarked', text: `${use.id} has no result` })
    if (own.length > 1 || answers.length > 1)
      found.push({ kind: 'doubled', text: `${use.id} has ${own.length} results and ${answers.length} answers` })
    if (given.length !== 1) continue
    const mark = /echo "(\S+) begin/.exec(String((use.input as { command?: string }).command))?.[1]
    if (mark) found.push(...checkCall(mark, given[0]!, lines))
  }
  return found
}

const isOwn = ({ type }: SeenEvent) => type === 'agent.tool_result'

function checkCall(mark: string, result: SeenEvent, lines: string[]): CheckFinding[] {
  const begun = lines.filter((line) => line.startsWith(`${mark} begin `)).length
  const ended = lines.filter((line) => line.startsWith(`${mark} end `)).length
  const text = (result.content as { text?: string }[]).map((block) => block.text ?? '').join('\n')
  const seen = `${mark} began ${begun} times and ended ${ended} times; its result (error: ${result.is_error}): ${text.slice(0, 300)}`
  if (begun > 1 || ended > 1) return [{ kind: 'rerun', text: seen }]
  return claims(text, result.is_error === true, mark).includes(`${begun}${ended}`)
    ? []
    : [{ kind: 'unmarked', text: seen }]
}

/** What may be in the file under a result: began, ended. */
function claims(text: string, isError: boolean, mark: string): string[] {
  if (!isError && !text.includes(`did ${mark}`)) return []
  // A line that found no room on the full disk is missing, and the result shows it.
  if (!isError) return [['11'], ['01', '10'], ['00']][text.split('No space left on device').length - 1] ?? []
  if (text.includes('It is unknown whether')) return ['00', '10', '11']
  if (text.includes('This call was not run')) return ['00']
  if (/interrupted by the user/.test(text)) return ['00', '10', '11']
  return []
}

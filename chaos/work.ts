import type { Random } from './random.ts'

/** A piece of work: a message that tells the scripted model what to do. */
export interface Work {
  /** Unique; it stands in everything that comes of the message. */
  mark: string
  text: string
}

/** Name of the file in each session's container to which every command appends. */
export const logFile = 'log'

/** A message with one to four steps and a last word. */
export function makeWork(random: Random, session: string, mark: string): Work {
  const lines = [`[${session}] {${mark}}`]
  const count = random.between(1, 4)
  for (let step = 1; step <= count; step++) lines.push(...makeStep(random, `${mark}.${step}`))
  if (random.chance(0.3)) lines.push('#slow 15', `#text ${'word '.repeat(60).trim()}`)
  lines.push(`#say said ${mark}`)
  return { mark, text: lines.join('\n') }
}

/** A message that is answered at once. */
export function lastWork(session: string, mark: string): Work {
  return { mark, text: `[${session}] {${mark}}\n${bash(`${mark}.1`, 0)}\n#say said ${mark}` }
}

type Kind = (random: Random, mark: string) => string[]

const kinds: Record<string, Kind> = {
  short: (random, mark) => [bash(mark, random.pick([0, 0.1, 0.3]))],
  long: (random, mark) => [bash(mark, random.pick([1.5, 2.5, 4]))],
  together: (random, mark) =>
    Array.from({ length: random.between(2, 4) }, (_, index) => [
      ...(index > 0 ? ['#and'] : []),
      bash(`${mark}.${index}`, 0.1),
    ]).flat(),
  spoken: (_random, mark) => [`#text I will do ${mark} now`, '#slow 20', bash(mark, 0)],
  pondered: (random, mark) => [`#wait ${random.between(100, 800)}`, bash(mark, 0)],
  custom: (_random, mark) => [`#tool lookup ${JSON.stringify({ mark })}`],
  confirmed: (_random, mark) => [`#tool write ${JSON.stringify({ file_path: `${mark}.txt`, content: mark })}`],
  mixed: (_random, mark) => [bash(`${mark}.0`, 0.2), '#and', `#tool lookup ${JSON.stringify({ mark: `${mark}.1` })}`],
  faulty: (random, mark) => [`#fault ${random.pick(['429', '500', '529', 'cut', 'reset'])}`, bash(mark, 0)],
}
const names = Object.keys(kinds)

function makeStep(random: Random, mark: string): string[] {
  return kinds[random.pick(names)]!(random, mark)
}

/** A command that writes down when it began and when it ended: run twice it leaves four lines. */
function bash(mark: string, seconds: number): string {
  const write = (what: string) => `echo "${mark} ${what} $(date +%s%3N)" >> ${logFile}`
  return `#bash ${write('begin')}; ${seconds > 0 ? `sleep ${seconds}; ` : ''}${write('end')}; echo "did ${mark}"`
}

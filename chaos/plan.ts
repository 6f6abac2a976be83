import { faults } from './faults.ts'
import { type Moment, moments } from './moments.ts'
import type { Random } from './random.ts'

/** One strike of the campaign, as the seed has it. */
export interface PlannedStrike {
  fault: string
  /** Where in a session's work; absent: at any time. */
  moment?: Moment
  /** Milliseconds between the moment and the strike. */
  delayMs: number
  /** Milliseconds between the strike before and the wait for the moment. */
  gapMs: number
}

/** Pairs that say something by themselves: most of what kills a worker, and each part at the moment it is needed most. */
const named: [string, Moment][] = [
  ...moments.map((moment): [string, Moment] => ['worker', moment]),
  ['keeper', 'tool-accepted'],
  ['keeper', 'tool-running'],
  ['keeper', 'tool-finished'],
  ['supervisor', 'tool-running'],
  ['supervisor', 'tool-accepted'],
  ['server', 'create'],
  ['server', 'send'],
  ['temporal', 'create'],
  ['temporal', 'send'],
  ['temporal', 'seal'],
  ['temporal', 'tool-finished'],
  ['temporal', 'model-answered'],
  ['everything', 'tool-running'],
  ['everything', 'send'],
  ['stopped-worker', 'model-streaming'],
  ['stopped-worker', 'tool-running'],
  ['model-stream', 'model-streaming'],
  ['temporal-link-stalled', 'model-answered'],
  ['temporal-link-reset', 'tool-finished'],
  ['full-disk', 'tool-accepted'],
  ['full-disk', 'seal'],
]

/** The strikes: first every fault once, then the named pairs, then what chance gives. */
export function makePlan(random: Random, count: number, only?: string[]): PlannedStrike[] {
  const names = Object.keys(faults).filter((name) => !only || only.includes(name))
  const pairs = random.shuffled(named.filter(([fault]) => names.includes(fault)))
  const lot = names.flatMap((name) => Array<string>(faults[name]!.weight ?? 1).fill(name))
  const firsts = random.shuffled(names).map((fault): [string, Moment?] => [fault])
  return Array.from({ length: count }, (_, index) => {
    const [fault, moment] = firsts[index] ?? pairs[index - firsts.length] ?? chosen(random, lot)
    return {
      fault,
      ...(moment && { moment }),
      delayMs: moment && random.chance(0.5) ? 0 : random.between(0, 30),
      gapMs: random.between(200, 3000),
    }
  })
}

function chosen(random: Random, lot: string[]): [string, Moment?] {
  const fault = random.pick(lot)
  return random.chance(0.6) ? [fault, random.pick(moments)] : [fault]
}

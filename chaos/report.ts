import os from 'node:os'
import type { Outcome } from './campaign.ts'
import { type FindingKind, kinds } from './check/finding.ts'
import { faults } from './faults.ts'
import { quantile, recoveryMs, type Strike } from './recovery.ts'

/** What the campaign found, for a person to read. */
export function report(outcome: Outcome, seed: number): string {
  const { sessions, strikes, seconds, impossible } = outcome
  const turns = sessions.reduce((sum, { evidence }) => sum + evidence.accepted.filter(({ mark }) => mark).length, 0)
  const events = sessions.reduce((sum, { evidence }) => sum + evidence.listed.length, 0)
  const calls = sessions.reduce((sum, { evidence }) => sum + evidence.listed.filter(isToolUse).length, 0)
  const machine = `${os.cpus().length} cores, ${os.cpus()[0]?.model.trim()}, Node ${process.version}`
  const lines = [
    '',
    `seed ${seed}: ${strikes.length} strikes in ${seconds.toFixed(0)} s on ${sessions.length} sessions with ${turns} messages, ${calls} tool calls, ${events} events; ${outcome.repeated} requests repeated`,
    `${new Date().toISOString().slice(0, 10)}, ${machine}`,
    ...(impossible.length > 0 ? [`found nothing to strike: ${[...new Set(impossible)].join(', ')}`] : []),
    '',
    row('from strike to next progress', 'count', 'p50', 'p95', 'aim'),
    ...recoveries(outcome),
    '',
    ...Object.entries(kinds).map(
      ([kind, meaning]) => `${row(kind, String(count(outcome, kind as FindingKind)))}   ${meaning}`,
    ),
  ]
  if (outcome.folder) lines.push('', `data and logs: ${outcome.folder}`)
  for (const { evidence, findings } of sessions) {
    for (const { kind, text } of findings) lines.push('', `${kind}: session ${evidence.name} ${evidence.id}: ${text}`)
  }
  return lines.join('\n')
}

export const isWell = ({ sessions }: Outcome) =>
  sessions.length > 0 && sessions.every(({ findings }) => findings.length === 0)

const isToolUse = ({ type }: { type: string }) => type.endsWith('tool_use')

const count = ({ sessions }: Outcome, wanted: FindingKind) =>
  sessions.flatMap(({ findings }) => findings).filter(({ kind }) => kind === wanted).length

function recoveries(outcome: Outcome): string[] {
  const evidence = new Map(outcome.sessions.map((session) => [session.evidence.name, session.evidence]))
  const timesOf = (strike: Strike, names: (string | undefined)[]) =>
    names.flatMap((name) => {
      const seen = name && evidence.get(name)
      const time = seen ? recoveryMs(strike, seen) : undefined
      return time === undefined ? [] : [time]
    })
  return Object.entries(faults).flatMap(([name, { aim, unseen }]) => {
    const strikes = outcome.strikes.filter(({ fault }) => fault === name)
    if (strikes.length === 0) return []
    const times = strikes.flatMap((strike) => {
      // Which session was at work in it is not seen from outside: the slowest is.
      if (unseen) return [timesOf(strike, strike.working).reduce((a, b) => Math.max(a, b), 0)]
      return timesOf(strike, [strike.session])
    })
    const seconds = (ms: number) => (Number.isNaN(ms) ? '' : `${(ms / 1000).toFixed(2)} s`)
    const wanted = aim ? `${aim.p50 / 1000} s / ${aim.p95 / 1000} s` : ''
    return [row(name, String(strikes.length), seconds(quantile(times, 0.5)), seconds(quantile(times, 0.95)), wanted)]
  })
}

function row(name: string, ...columns: string[]): string {
  return `${name.padEnd(30)}${columns.map((column) => (column.length > 16 ? `   ${column}` : column.padStart(16))).join('')}`.trimEnd()
}

/** `npm run chaos [-- --kills N --seed S --sessions N --only worker,keeper --nightly --keep]` */
import { parseArgs } from 'node:util'
import { runCampaign } from './campaign.ts'
import { faults } from './faults.ts'
import { isWell, report } from './report.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string' },
    sessions: { type: 'string', default: '8' },
    only: { type: 'string' },
    nightly: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
})
const kills = whole('kills', values.kills ?? (values.nightly ? '3000' : '200'))
const seed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : whole('seed', values.seed)
const sessions = whole('sessions', values.sessions)
const only = values.only?.split(',')
const unknown = only?.find((name) => !(name in faults))
if (unknown) wrong(`there is no fault ${unknown}; there are: ${Object.keys(faults).join(', ')}`)

console.log(`seed ${seed}: ${kills} kills under ${sessions} sessions`)
const say = (line: string) => {
  if (!values.quiet || line.startsWith('!!')) console.log(line)
}
const outcome = await runCampaign({ kills, seed, sessions, keep: values.keep, say, ...(only && { only }) })
console.log(report(outcome, seed))
if (!isWell(outcome)) console.log(`\nagain: npm run chaos -- --kills ${kills} --seed ${seed} --sessions ${sessions}`)
process.exit(isWell(outcome) ? 0 : 1)

function whole(name: string, text: string): number {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < 1) wrong(`--${name}: expected a whole number from 1 on`)
  return number
}

function wrong(message: string): never {
  console.error(`chaos: ${message}`)
  process.exit(2)
}

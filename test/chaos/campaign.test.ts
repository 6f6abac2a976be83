import { expect, it } from 'vitest'
import { runCampaign } from '../../chaos/campaign.ts'
import { faults } from '../../chaos/faults.ts'
import { isWell, report } from '../../chaos/report.ts'

it('every part killed once under sessions at work: their users see nothing lost, doubled, reordered or run again', {
  timeout: 300_000,
}, async () => {
  const seed = 11
  const said: string[] = []
  const kills = Object.keys(faults).length
  const outcome = await runCampaign({ kills, seed, sessions: 4, say: (line) => said.push(line) })
  expect(isWell(outcome), [...said, report(outcome, seed)].join('\n')).toBe(true)
  expect(outcome.strikes.length + outcome.impossible.length).toBe(kills)
  expect(outcome.strikes.map(({ fault }) => fault)).toContain('everything')
})

import { expect, it } from 'vitest'
import { attemptCheckout } from '../../activities/container/keeper/checkout-attempt.ts'
import type { KeptContainer } from '../../activities/container/keeper/kept-container.ts'
import { skillText } from '../skills/support.ts'

const repository = { id: 'a', url: 'https://git.example/a', path: '/workspace/a', credential: 'none', skills: true }

/** What comes of an answer of the supervisor. */
const outcomeOf = (skills: unknown) => {
  const text = JSON.stringify({ ok: true, skills })
  const container = { call: async () => ({ content: [{ type: 'text', text }] }) }
  return attemptCheckout(repository, async () => container as unknown as KeptContainer)
}

it('a supervisor that was taken over makes no skills of what is none', async () => {
  const beginning = skillText('x', 'd', '')
  const folders = ['../up', '.hidden', 'two\nlines', 'x'.repeat(65), '', 7]
  const wrong = [null, 1, {}, { folder: 'a' }, { folder: 'a', beginning: 'no front matter' }]
  const skills = [...folders.map((folder) => ({ folder, beginning })), ...wrong, { folder: 'right', beginning }]
  expect(await outcomeOf(skills)).toEqual({ ok: true, skills: [{ folder: 'right', description: 'd' }] })
  for (const none of [null, 'x', {}, undefined]) expect(await outcomeOf(none)).toEqual({ ok: true, skills: [] })
})

it('of a supervisor that was taken over no more is read than the keeper has time for', async () => {
  const beginning = skillText('x', 'd', '').replace('---\n', `---\n${'#'.repeat(4900)}\n`)
  const skills = Array.from({ length: 200 }, (_, index) => ({ folder: `s${index}`, beginning }))
  const outcome = await outcomeOf(skills)
  expect(outcome).toMatchObject({ ok: true, skills: { length: 10 } })
})

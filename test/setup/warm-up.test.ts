import { expect, it, vi } from 'vitest'
import { warmUp } from '../../worker/warm-up.ts'

it('the warm-up knows the messages of the installed Temporal SDK', () => {
  const said = vi.spyOn(console, 'error').mockImplementation(() => {})
  warmUp()
  expect(said.mock.calls).toEqual([])
})

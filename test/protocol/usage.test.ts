import { describe, expect, it } from 'vitest'
import { addUsage, noUsage, type SessionUsage, type StepUsage } from '../../protocol/usage.ts'

const step: StepUsage = {
  input_tokens: 1,
  output_tokens: 2,
  cache_creation_input_tokens: 5,
  cache_read_input_tokens: 4,
  cache_creation_1h_input_tokens: 3,
}
const once = {
  ...noUsage(),
  input_tokens: 1,
  output_tokens: 2,
  cache_creation_input_tokens: 5,
  cache_read_input_tokens: 4,
  cache_creation: { ephemeral_5m_input_tokens: 2, ephemeral_1h_input_tokens: 3 },
}

describe("a session's usage", () => {
  it('is the sum of its requests', () => {
    expect(addUsage(noUsage(), step)).toEqual(once)
    expect(addUsage(once, step)).toMatchObject({ input_tokens: 2, cache_creation: { ephemeral_1h_input_tokens: 6 } })
  })

  it.each([-1e9, '12', {}, null, 0.5, Number.NaN])('does not count what is no number of tokens: %j', (count) => {
    const wrong = Object.fromEntries(Object.keys(step).map((field) => [field, count])) as unknown as StepUsage
    expect(addUsage(once, wrong)).toEqual(once)
    const { cache_creation } = once
    const broken = Object.fromEntries(Object.keys(cache_creation).map((field) => [field, count]))
    const total = { ...noUsage(), ...wrong, cache_creation: broken } as unknown as SessionUsage
    expect(addUsage(total, step)).toMatchObject(once)
  })

  it('stays a number that can be counted on', () => {
    const most = { ...step, input_tokens: Number.MAX_SAFE_INTEGER }
    expect(addUsage(addUsage(once, most), most).input_tokens).toBe(Number.MAX_SAFE_INTEGER)
  })
})

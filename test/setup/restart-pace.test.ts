import { describe, expect, it } from 'vitest'
import { RestartPace } from '../../worker/restart-pace.ts'

describe('the pace of restarts', () => {
  it('is at once for the first deaths of a minute, then slower and slower up to a bound', () => {
    const pace = new RestartPace({ immediate: 2, firstMs: 100, longestMs: 350 })
    expect([0, 1, 2, 3, 4, 5].map((now) => pace.delay(now))).toEqual([0, 0, 100, 200, 350, 350])
  })

  it('forgets deaths that are more than a minute ago', () => {
    const pace = new RestartPace({ immediate: 1, firstMs: 100 })
    expect(pace.delay(0)).toBe(0)
    expect(pace.delay(30_000)).toBe(100)
    expect(pace.delay(60_000)).toBe(100)
    expect(pace.delay(130_000)).toBe(0)
  })
})

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

  it('replaces one at once that has worked for a while, however many died before', () => {
    const pace = new RestartPace({ immediate: 1, firstMs: 100, steadyMs: 5000 })
    expect([pace.delay(0), pace.delay(1), pace.delay(6000, 1000), pace.delay(7000, 6500)]).toEqual([0, 100, 0, 200])
  })
})

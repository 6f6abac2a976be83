import { describe, expect, it } from 'vitest'
import { faults } from '../../chaos/faults.ts'
import { moments } from '../../chaos/moments.ts'
import { makePlan } from '../../chaos/plan.ts'
import { seeded } from '../../chaos/random.ts'
import { isAlone, recoveryMs } from '../../chaos/recovery.ts'
import { makeWork } from '../../chaos/work.ts'
import { parseScript } from '../../testing/scripted-model/script.ts'
import { goodEvidence, ms } from './evidence.ts'

describe('a plan', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(makePlan(seeded(1), 50)).toEqual(makePlan(seeded(1), 50))
    expect(makePlan(seeded(1), 50)).not.toEqual(makePlan(seeded(2), 50))
  })

  it('has every fault among its first strikes, and every moment of a worker in the usual size', () => {
    const count = Object.keys(faults).length
    const firsts = makePlan(seeded(3), count).map(({ fault }) => fault)
    expect(firsts.toSorted()).toEqual(Object.keys(faults).toSorted())
    const usual = makePlan(seeded(3), 200).filter(({ fault }) => fault === 'worker')
    for (const moment of moments) expect(usual.map((strike) => strike.moment)).toContain(moment)
  })

  it('may be of some faults only', () => {
    expect(new Set(makePlan(seeded(1), 40, ['keeper']).map(({ fault }) => fault))).toEqual(new Set(['keeper']))
  })
})

describe('work', () => {
  it('is a script that the model understands', () => {
    const random = seeded(5)
    for (let index = 0; index < 300; index++) {
      const steps = parseScript(makeWork(random, 's1', `s1.${index}`).text)
      expect(steps.at(-1)!.blocks.at(-1)).toMatchObject({ text: expect.stringContaining(`said s1.${index}`) })
    }
  })
})

describe('the time of a recovery', () => {
  const strike = { fault: 'worker', working: ['s1'] }

  it('ends with the next event or request, and leaves out what a command still had to run', () => {
    expect(recoveryMs({ ...strike, at: ms(4.5) }, goodEvidence())).toBe(500)
    const evidence = goodEvidence()
    // Under the command, which ends half a second before its result is there.
    evidence.lines = [`s1.1.1 begin ${ms(3)}`, `s1.1.1 end ${ms(5.5)}`]
    evidence.requests = []
    expect(recoveryMs({ ...strike, at: ms(3.2) }, evidence)).toBe(500)
  })

  it('counts as alone when nothing else was struck in it, and no outage shortly before', () => {
    const at = ms(100)
    const outage = (fault: string) => fault === 'server'
    const others = (fault: string, second: number) => [{ fault, working: [], at: ms(second) }]
    expect(isAlone({ ...strike, at }, 500, others('worker', 101), outage)).toBe(true)
    expect(isAlone({ ...strike, at }, 1500, others('worker', 101), outage)).toBe(false)
    expect(isAlone({ ...strike, at }, 500, others('worker', 95), outage)).toBe(true)
    expect(isAlone({ ...strike, at }, 500, others('server', 95), outage)).toBe(false)
  })

  it('is unknown when nothing was left to do', () => {
    expect(recoveryMs({ ...strike, at: ms(100) }, goodEvidence())).toBeUndefined()
  })
})

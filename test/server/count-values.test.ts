import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { countValues } from '../../server/count-values.ts'

const count = (text: string, most = 1_000_000) => countValues(Buffer.from(text), most)

function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce<number>((sum, inner) => sum + valuesIn(inner), 1)
}

describe('the number of values in a JSON text', () => {
  it.each([
    ['1', 1],
    ['{}', 1],
    [' [ \n] ', 1],
    ['[[],{},[]]', 4],
    ['{"a":1,"b":[true,null,"c"]}', 6],
    ['{"[,]{":"},{[\\",\\\\"}', 2],
    [String.raw`["\\\\","\"",",\\\"[,"]`, 4],
  ])('is that of lists, objects and what is in them, whatever the strings say: %s', (text, expected) => {
    expect(count(text)).toBe(expected)
  })

  it('is what a parser makes, of any text', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1), (value, space) => {
        expect(count(JSON.stringify(value, undefined, space))).toBe(valuesIn(value))
      }),
    )
  })

  it('is found behind long strings of quotes, backslashes and brackets', () => {
    const parts = fc.array(fc.constantFrom('"', '\\', '[', ',', 'é', 'x'.repeat(63), 'y'.repeat(200)), {
      size: 'large',
    })
    fc.assert(
      fc.property(fc.array(parts), (strings) => {
        const value = strings.map((some) => some.join(''))
        expect(count(JSON.stringify(value))).toBe(valuesIn(value))
      }),
    )
  })

  it('is not counted further than somebody wants to know', () => {
    expect(count(`[${'[],'.repeat(1000)}[]]`, 10)).toBe(11)
    expect(count('['.repeat(1000), 10)).toBe(11)
  })

  it('is also that of a text that is cut off', () => {
    const whole = '{"a":[1,2,"x\\"y"],"b":{"c":3}}'
    for (let end = 0; end <= whole.length; end++) expect(count(whole.slice(0, end))).toBeLessThanOrEqual(7)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base62, idFrom, isId, newId, stepEvent } from '../../protocol/ids.ts'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const read = (text: string) => [...text].reduce((value, digit) => value * 62n + BigInt(digits.indexOf(digit)), 0n)

describe('numbers in base 62', () => {
  it('are read back as what they were, and no longer than they have to be', () => {
    const edges = [0n, 1n, 61n, 62n, 62n ** 8n - 1n, 62n ** 8n, 62n ** 16n, 2n ** 128n - 1n]
    const check = (value: bigint) => {
      expect(read(base62(value, 0))).toBe(value)
      expect(base62(value, 0)).not.toMatch(/^0/)
      expect(base62(value, 22)).toBe(base62(value, 0).padStart(22, '0'))
    }
    for (const edge of edges) check(edge)
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), check))
  })
})

describe('ids', () => {
  it('are the same ones as ever for what they are made from', () => {
    expect(idFrom('session', '00000000-0000-0000-0000-000000000001')).toBe('sesn_0000000000000000000001')
    expect(idFrom('event', 'ffffffff-ffff-ffff-ffff-ffffffffffff')).toBe('sevt_7n42DGM5Tflk9n8mt7Fhc7')
    expect(stepEvent.block('B', 0)).toBe('sevt_B02')
    expect(stepEvent.block('B', 60)).toBe('sevt_B10')
  })

  it('are of their kind, and no two alike', () => {
    const ids = Array.from({ length: 1000 }, () => newId('event'))
    expect(new Set(ids).size).toBe(1000)
    expect(ids.every((id) => isId('event', id) && id.length === 'sevt_'.length + 22)).toBe(true)
  })
})

import { describe, expect, it } from 'vitest'
import { compareCursors, formatCursor, parseCursor } from '../../log/cursor.ts'

describe('a cursor', () => {
  it('comes back from its text', () => {
    const cursor = { run: 3, event: 1200, index: 7 }
    expect(formatCursor(cursor)).toBe('3.1200.7')
    expect(parseCursor('3.1200.7')).toEqual(cursor)
  })

  it.each([
    '',
    '1.2',
    '1.2.3.4',
    '1.2.x',
    '-1.2.3',
    '1.2.3 ',
    '1.2.3\n',
    '1e1.2.3',
    '1..3',
    '1234567890.0.0',
    '１.2.3',
  ])('is not read from %j', (text) => expect(parseCursor(text)).toBeUndefined())

  it('is ordered by run, then event, then index, each as a number', () => {
    const ordered = ['0.9.0', '0.10.0', '0.10.1', '0.10.10', '2.1.0', '10.0.0'].map((text) => parseCursor(text)!)
    const sorted = [...ordered].reverse().sort(compareCursors)
    expect(sorted).toEqual(ordered)
    expect(compareCursors(ordered[0]!, { ...ordered[0]! })).toBe(0)
  })
})

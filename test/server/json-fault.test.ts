import { describe, expect, it } from 'vitest'
import { jsonFault } from '../../server/json-fault.ts'

describe('the place where a text stops being JSON', () => {
  it.each([
    ['{"a":1,}', 7],
    ['{"a":\n undefined}', 7],
    ['{"secret": hunter2}', 11],
    ['{"a":1} x', 8],
    ['{"a":"b\nc"}', 7],
    ['{"a":"\\x"}', 7],
    ['{"a":"\\u12G4"}', 10],
    ['{"a":01}', 6],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['{1:2}', 1],
    ['[}', 1],
    ['[1,]', 3],
    ['nul', 0],
  ])('is the first character that fits nowhere: %j', (text, position) => {
    expect(jsonFault(text)).toBe(position)
  })

  it.each(['', ' ', '{', '{"a"', '{"a":', '{"a":1', '{"a":"b', '{"a":"\\', '{"a":"\\u00', '[', '[1,', '{"a":1,'])(
    'is its end when it ends too early: %j',
    (text) => {
      expect(jsonFault(text)).toBe(text.length)
    },
  )

  it('is the one that the engine names, wherever a stray character stands', () => {
    const whole = '{"a":[1,"x\\n\\u00e9"],"b":{"c":{}}, "d" : [ ] }'
    const named = [...whole].flatMap((_character, at) => {
      const text = `${whole.slice(0, at)}\u0001${whole.slice(at)}`
      const position = engineFault(text)
      return position === undefined ? [] : [[text, position] as const]
    })
    // It names none where it quotes the text instead.
    expect(named.length).toBeGreaterThan(20)
    expect(named.map(([text]) => [text, jsonFault(text)])).toEqual(named)
  })
})

function engineFault(text: string): number | undefined {
  try {
    JSON.parse(text)
  } catch (error) {
    const position = /at position (\d+)/.exec((error as Error).message)?.[1]
    return position === undefined ? undefined : Number(position)
  }
  throw new Error(`is JSON: ${text}`)
}

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { parse } from '../../protocol/parse.ts'

const refusalOf = (input: unknown, where?: string) => {
  try {
    return parse(z.looseObject({}), input, where)
  } catch (error) {
    return error
  }
}

describe('a request', () => {
  it.each([
    [{ text: 'cut \ud83d' }, 'text'],
    [{ events: [{ text: 'fine' }, { content: [{ text: '\udc00' }] }] }, 'events.1.content.0.text'],
    [{ schema: { properties: { 'a\ud83d': {} } } }, 'schema.properties.a name'],
  ])('with half of a surrogate pair is refused, and the place named: %j', (input, place) => {
    expect(refusalOf(input)).toMatchObject({ status: 400, message: `${place}: is not valid Unicode` })
  })

  it('may say everything else', () => {
    const input = { text: '😀', at: new Date(0), bytes: new Uint8Array([0xd8]), none: null, deep: [[['é']]] }
    expect(parse(z.looseObject({}), input)).toEqual(input)
  })

  it('may be a text itself', () => {
    expect(parse(z.string(), 'a')).toBe('a')
    expect(() => parse(z.string(), '\ud83d', 'id')).toThrow('id: is not valid Unicode')
  })

  it('with very many faults is told the first of them', () => {
    const numbers = z.object({ list: z.array(z.number()) })
    const refusal = (count: number) => {
      try {
        return parse(numbers, { list: Array(count).fill('no number') })
      } catch (error) {
        return error as Error
      }
    }
    expect(refusal(3)).toMatchObject({ message: expect.not.stringContaining('more') })
    expect(refusal(1000)).toMatchObject({
      status: 400,
      message: expect.stringMatching(/list\.99: [^;]+; and 900 more$/),
    })
    // More than zod itself can gather.
    expect(refusal(240_000)).toMatchObject({ status: 400 })
  })
})

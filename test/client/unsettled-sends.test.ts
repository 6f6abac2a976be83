import { describe, expect, it } from 'vitest'
import { UnsettledSends } from '../../client/unsettled-sends.ts'
import { message } from '../support/conversation.ts'

function start() {
  let time = 0
  const sends = new UnsettledSends(() => time)
  return {
    sends,
    pass(ms: number) {
      time += ms
    },
  }
}
const events = [message('go on')]

describe('what is known of sends without an answer', () => {
  it('is taken once, the newest of equal ones first', () => {
    const { sends } = start()
    sends.keep('sesn_1', events, 'one')
    sends.keep('sesn_1', events, 'other')
    expect(sends.take('sesn_2', events)).toBeUndefined()
    expect(sends.take('sesn_1', [message('stop')])).toBeUndefined()
    expect([1, 2, 3].map(() => sends.take('sesn_1', events))).toEqual(['other', 'one', undefined])
  })

  it('is of no use minutes later: who says the same then says it anew', () => {
    const { sends, pass } = start()
    sends.keep('sesn_1', events, 'old')
    pass(4 * 60_000)
    sends.keep('sesn_1', events, 'new')
    pass(2 * 60_000)
    expect([1, 2].map(() => sends.take('sesn_1', events))).toEqual(['new', undefined])
  })

  it('is bounded, also when the same is sent again and again', () => {
    const { sends } = start()
    const first = [message('first')]
    sends.keep('sesn_1', first, 'first')
    for (let count = 0; count < 10_000; count++) sends.keep('sesn_1', events, `${count}`)
    expect(sends.take('sesn_1', first)).toBeUndefined()
    expect(sends.take('sesn_1', events)).toBe('9999')
  })
})

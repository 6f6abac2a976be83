import { expect, it } from 'vitest'
import { captureAtEnd } from '../../activities/outputs/capture-at-end.ts'

it.each<[string | undefined, string[], object]>([
  ['queue@here', ['sesn_1'], {}],
  ['queue@there', [], { elsewhere: true }],
  [undefined, [], {}],
])('at the end of a turn the outputs of a session bound to %s are taken here: %j', async (bound, taken, told) => {
  const captured: string[] = []
  const outputs = {
    capture: async (sessionId: string) => {
      captured.push(sessionId)
    },
  }
  expect(await captureAtEnd(outputs, { sessionId: 'sesn_1', host: 'queue@here', bound })).toEqual(told)
  expect(captured).toEqual(taken)
})

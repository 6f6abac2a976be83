import { describe, expect, it } from 'vitest'
import { Transcript } from '../../log/transcript.ts'
import type { AssistantBlock } from '../../protocol/contract.ts'

const noTokens = { input_tokens: 0, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }

function afterReply(content: AssistantBlock[]) {
  const transcript = new Transcript()
  const result = { model: 'm', content, stop_reason: 'max_tokens', usage: noTokens, tools: [] }
  const at = '2026-01-01T00:00:00.000Z'
  transcript.apply({ kind: 'completed', id: 1, at, activity: 'callModel', activityId: 'a', result }, [])
  return transcript.messages()
}
const thought = { type: 'thinking', thinking: 'Well', signature: 's' }
const text = { type: 'text', text: 'So' }

describe('a reply that the token limit cut while it was thinking', () => {
  it('is sent back without the thought at its end, which the API would refuse', () => {
    expect(afterReply([thought])).toEqual([])
    expect(afterReply([thought, text, thought])).toEqual([{ role: 'assistant', content: [thought, text] }])
  })
})

import { describe, expect, it } from 'vitest'
import { modelInfo } from '../../protocol/models.ts'

describe('what is known of a model', () => {
  it('holds for its dated ids, and the longest family counts', () => {
    expect(modelInfo('claude-haiku-4-5-20251001')).toEqual(modelInfo('claude-haiku-4-5'))
    expect(modelInfo('claude-opus-5').defaultEffort).toBe('high')
    expect(modelInfo('claude-opus-5-5').defaultEffort).toBe('medium')
  })

  it('is not taken from a name that merely begins alike', () => {
    expect(modelInfo('claude-opus-50')).toEqual(modelInfo('a model of another maker'))
  })

  it('is cautious for unknown ids', () => {
    expect(modelInfo('my-model')).toEqual({
      contextWindow: 200_000,
      maxOutputTokens: 32_000,
      defaultEffort: 'high',
      supportsThinking: false,
      supportsEffort: false,
      supportsMidConversationSystem: false,
      supportsFast: false,
    })
  })
})

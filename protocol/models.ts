/** What is known of models. Any id may be used: one that is not listed gets cautious values. Source: spec §3.3. */

export type Effort = 'low' | 'medium' | 'high' | 'xhigh' | 'max'

export interface ModelInfo {
  /** Tokens of prompt and reply together. */
  contextWindow: number
  maxOutputTokens: number
  defaultEffort: Effort
  /** Adaptive thinking. */
  supportsThinking: boolean
  supportsEffort: boolean
  /** Messages of role `system` within a conversation. Source: spec §8.1.6. */
  supportsMidConversationSystem: boolean
  /** `speed: "fast"`. */
  supportsFast: boolean
}

const unknown: ModelInfo = {
  contextWindow: 200_000,
  maxOutputTokens: 32_000,
  defaultEffort: 'high',
  supportsThinking: false,
  supportsEffort: false,
  supportsMidConversationSystem: false,
  supportsFast: false,
}

/** Claude 4.6 and later: adaptive thinking and a million tokens. */
const adaptive: ModelInfo = {
  contextWindow: 1_000_000,
  maxOutputTokens: 128_000,
  defaultEffort: 'high',
  supportsThinking: true,
  supportsEffort: true,
  supportsMidConversationSystem: false,
  supportsFast: false,
}

/** Opus 4.8 and later take messages of role `system`. */
const conversational: ModelInfo = { ...adaptive, supportsMidConversationSystem: true }

/** By the beginning of the id, so that dated ids find their family; the longest match counts. */
const families: Record<string, ModelInfo> = {
  'claude-haiku-4-5': { ...unknown, maxOutputTokens: 64_000 },
  'claude-sonnet-4-5': { ...unknown, maxOutputTokens: 64_000 },
  'claude-opus-4-5': { ...unknown, maxOutputTokens: 64_000, supportsEffort: true },
  'claude-sonnet-4-6': { ...adaptive, maxOutputTokens: 64_000 },
  'claude-opus-4-6': adaptive,
  'claude-mythos-preview': adaptive,
  'claude-opus-4-7': adaptive,
  'claude-opus-4-8': { ...conversational, supportsFast: true },
  // Sources differ on its system messages; one that is refused would stay in the transcript for ever.
  'claude-sonnet-5': adaptive,
  'claude-fable-5': conversational,
  'claude-mythos-5': conversational,
  'claude-opus-5': { ...conversational, supportsFast: true },
  'claude-opus-5-5': { ...conversational, supportsFast: true, defaultEffort: 'medium' },
  'claude-sonnet-5-5': conversational,
  'claude-haiku-5-5': { ...conversational, defaultEffort: 'medium' },
  'claude-fable-5-2': { ...conversational, supportsFast: true },
  'claude-mythos-5-2': { ...conversational, supportsFast: true },
}

export function modelInfo(id: string): ModelInfo {
  const known = Object.keys(families).filter((family) => id === family || id.startsWith(`${family}-`))
  const longest = known.sort((a, b) => b.length - a.length)[0]
  return longest ? families[longest]! : unknown
}

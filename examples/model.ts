/**
 * The model of the examples: the one that ANTHROPIC_API_KEY gives access to, or, without it, a scripted one that does what
 * each task says in directives.
 */
const key = process.env.ANTHROPIC_API_KEY

export const isReal = Boolean(key)

/** Variables for `startTestHost`, which has the scripted model unless they name another. */
export const modelVariables: Record<string, string> = key
  ? { ANTHROPIC_API_KEY: key, ANTHROPIC_BASE_URL: process.env.ANTHROPIC_BASE_URL || 'https://api.anthropic.com' }
  : {}

/** A task in words, with the directives that the scripted model follows in their place. */
export const task = (words: string, directives: string[]) => (isReal ? words : [words, ...directives].join('\n'))

export const model = process.env.EXAMPLE_MODEL ?? 'claude-opus-5'

import type { ModelRequest } from '../../activities/model/provider.ts'

/** A request with one message of the user. */
export function request(text: string, fields: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: 'claude-opus-5',
    effort: 'high',
    speed: 'standard',
    system: 'Be brief.',
    tools: [],
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    ...fields,
  }
}

export const bash = {
  name: 'bash',
  description: 'Run a command.',
  input_schema: { type: 'object', properties: { command: { type: 'string' } } },
}

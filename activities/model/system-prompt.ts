import type { SessionAgent, SessionResource } from '../../protocol/sessions.ts'
import { memoryPrompt } from '../memory/prompt.ts'
import { containerTools, toolsFor } from './tool-definitions.ts'

/** The agent's own words, then where it is. Stays the same for the life of a session: the prompt cache needs that. */
export function systemPrompt(agent: SessionAgent, session: { resources: SessionResource[] }): string {
  const usesContainer = toolsFor(agent).some(({ name }) => Object.hasOwn(containerTools, name))
  return [agent.system, usesContainer && surroundings(session.resources)].filter(Boolean).join('\n\n')
}

function surroundings(resources: SessionResource[]): string {
  const stores = resources.filter((resource) => resource.type === 'memory_store')
  const files = resources.filter(({ type }) => type !== 'memory_store').map(({ mount_path }) => `- ${mount_path}`)
  return [
    'You work in a Linux container of your own. Its files stay from one turn to the next.',
    '- /workspace is the working directory.',
    '- /mnt/session/outputs is for results that the user is to receive.',
    '- The container has no access to the network.',
    ...(files.length > 0 ? ['The user attached these files, which are read-only:', ...files] : []),
    ...(stores.length > 0 ? ['', memoryPrompt(stores)] : []),
  ].join('\n')
}

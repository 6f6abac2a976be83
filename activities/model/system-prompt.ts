import { type CloudConfig, noPackages } from '../../protocol/environments.ts'
import type { RepositoryResource, SessionAgent } from '../../protocol/sessions.ts'
import { sessionEgress } from '../egress/session-egress.ts'
import { memoryPrompt } from '../memory/prompt.ts'
import { wantedPackages } from '../packages/layer-key.ts'
import { skillsPrompt } from '../skills/prompt.ts'
import type { Surroundings } from './surroundings.ts'
import { containerTools, toolsFor } from './tool-definitions.ts'

/** The agent's own words, then where it is. Stays the same for the life of a session: the prompt cache needs that. */
export function systemPrompt(agent: SessionAgent, session: Surroundings): string {
  const usesContainer = toolsFor(agent).some(({ name }) => Object.hasOwn(containerTools, name))
  return [agent.system, usesContainer && surroundings(agent, session)].filter(Boolean).join('\n\n')
}

function surroundings(
  agent: SessionAgent,
  { resources, networking, packages, variables = [], skills = [] }: Surroundings,
): string {
  const repositories = resources.flatMap((resource) => {
    if (resource.type !== 'github_repository') return []
    return [`- ${resource.mount_path}: ${resource.url}${checkedOut(resource)}`]
  })
  const stores = resources.filter((resource) => resource.type === 'memory_store')
  const files = resources.filter(({ type }) => type === 'file').map(({ mount_path }) => `- ${mount_path}`)
  return [
    'You work in a Linux container of your own. Its files stay from one turn to the next.',
    '- /workspace is the working directory.',
    '- /mnt/session/outputs is for results that the user is to receive.',
    `- ${network(agent, networking)}`,
    ...installed(packages),
    ...(variables.length > 0 ? [`- ${secrets(variables)}`] : []),
    ...(repositories.length > 0 ? [aboutRepositories, ...repositories] : []),
    ...(files.length > 0 ? ['The user attached these files, which are read-only:', ...files] : []),
    ...(skills.length > 0 ? ['', skillsPrompt(skills)] : []),
    ...(stores.length > 0 ? ['', memoryPrompt(stores)] : []),
  ].join('\n')
}

function network(agent: SessionAgent, networking: CloudConfig['networking'] | undefined): string {
  const egress = networking && sessionEgress({ networking, agent, routes: [], injections: [], allowPrivate: [] })
  if (!egress) return 'The container has no access to the network.'
  const hosts =
    egress.mode === 'unrestricted' ? 'the internet' : `these hosts and no others: ${egress.allowedHosts.join(', ')}`
  return `The container reaches ${hosts}. The only way out is the proxy that HTTP_PROXY and HTTPS_PROXY name.`
}

function installed(packages: CloudConfig['packages'] | undefined): string[] {
  const lists = wantedPackages(packages ?? noPackages).map(({ manager, names }) => `${manager}: ${names.join(', ')}`)
  return lists.length > 0 ? [`- These packages are installed: ${lists.join('; ')}.`] : []
}

const secrets = (variables: string[]) =>
  `These environment variables hold placeholders of secrets: ${variables.join(', ')}. Use them as if they were the secrets: in requests to the hosts that they are for, the proxy puts the secrets in their place.`

const aboutRepositories =
  'The user attached these git repositories. They are checked out at the first tool call; git reaches them at their own addresses, with what rights the user gave:'

function checkedOut({ checkout }: RepositoryResource): string {
  if (!checkout) return ' (default branch)'
  return checkout.type === 'branch' ? ` (branch ${checkout.name})` : ` (commit ${checkout.sha})`
}

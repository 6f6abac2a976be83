import type { ToolResult } from '../../../protocol/contract.ts'
import { type ContainerRepository, ContainerUnavailable } from '../provider.ts'
import type { CheckoutOutcome, RepositorySkill } from './checkouts.ts'
import { CallLost, type KeptContainer } from './kept-container.ts'

/** Longest time of one clone. */
const cloneTimeoutMs = 60 * 60_000

/**
 * Clones a repository by the supervisor of the container.
 * @param ready gives the container, a new one when the last ended
 * @throws ContainerUnavailable when the container was lost under it
 */
export async function attemptCheckout(
  repository: ContainerRepository,
  ready: () => Promise<KeptContainer>,
): Promise<CheckoutOutcome> {
  const { id, url, path, checkout, skills } = repository
  const input = { url, path, ...(checkout && { checkout }), ...(skills && { skills }) }
  const container = await ready()
  try {
    const call = { id: `checkout_${id}`, name: 'checkout', input, timeoutMs: cloneTimeoutMs }
    return await outcomeOf(await container.call(call, () => {}), repository)
  } catch (cause) {
    if (!(cause instanceof CallLost)) throw cause
    // No second try here: the container may have been ended because the session was.
    throw new ContainerUnavailable({ tried: ['bubblewrap'], reason: `${cause.message} while cloning ${url}`, cause })
  }
}

const kinds = [
  'repository_authentication_error',
  'repository_forbidden_error',
  'repository_not_found_error',
  'repository_checkout_error',
  'repository_clone_error',
] as const

/** What the supervisor says; who took it over may say anything. */
async function outcomeOf({ content }: ToolResult, { id, url }: ContainerRepository): Promise<CheckoutOutcome> {
  const [block] = content
  try {
    const said = JSON.parse(block?.type === 'text' ? block.text : '')
    if (said.ok === true) return { ok: true, skills: await skillsOf(said.skills) }
    const kind = kinds.find((known) => known === said.kind) ?? 'repository_clone_error'
    return { ok: false, kind, message: explain(kind, inItsOwnWords(String(said.message), id, url)) }
  } catch {
    return { ok: false, kind: 'repository_clone_error', message: 'the container gave no answer' }
  }
}

const mostSkills = 100
/** Characters of how one begins, and of all beginnings: to read YAML that means harm takes a while, and nobody else's turn comes. */
const longestBeginning = 5000
const mostCharacters = 50_000

/** Those with a name that can be shown and with a description. */
async function skillsOf(said: unknown): Promise<RepositorySkill[]> {
  if (!Array.isArray(said) || said.length === 0) return []
  // Few repositories have any, and every keeper would start later for it.
  const { descriptionIn } = await import('../../../protocol/skill-front-matter.ts')
  let left = mostCharacters
  return said.slice(0, mostSkills).flatMap((skill) => {
    const { folder, beginning } = (skill ?? {}) as Record<string, unknown>
    if (typeof folder !== 'string' || !/^[\w][\w.-]{0,63}$/.test(folder)) return []
    if (typeof beginning !== 'string' || beginning.length > longestBeginning) return []
    left -= beginning.length
    if (left < 0) return []
    const description = descriptionIn(beginning)
    return description === undefined ? [] : [{ folder, description }]
  })
}

/** Where the request really went is of no use to anybody. */
function inItsOwnWords(message: string, id: string, url: string): string {
  return message
    .replaceAll(new RegExp(`http://127\\.0\\.0\\.1:\\d+/route/${id}`, 'g'), url)
    .slice(0, 1000)
    .toWellFormed()
}

function explain(kind: (typeof kinds)[number], message: string): string {
  if (kind === 'repository_authentication_error') {
    return 'its server asks for another authorization_token. The user can replace it; then it is tried again.'
  }
  if (kind === 'repository_forbidden_error') return `its server forbids it (403). ${message}`
  if (kind === 'repository_not_found_error') {
    return 'its server does not know it (404), or the authorization_token may not see it.'
  }
  return message
}

import type { RepositoryResource } from '../../protocol/sessions.ts'

/** Where the container reaches the world outside. */
const gateway = 'http://127.0.0.1:3128'

/**
 * The container's /etc/gitconfig: requests for these repositories go to their routes, where the token is added. The
 * addresses in the repositories stay the original ones.
 */
export function gitConfig(repositories: RepositoryResource[]): string {
  const lines = ['[user]', 'name = agent', 'email = agent@localhost', `[http "${gateway}/"]`, 'proxy = ""']
  for (const { id, url } of repositories) {
    // With and without `.git`; the gateway tells apart what else begins like this.
    lines.push(`[url "${gateway}/route/${id}"]`, `insteadOf = "${url.replace(/\.git$/, '')}"`)
  }
  return `${lines.join('\n')}\n`
}

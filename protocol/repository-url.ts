/** Which repositories a session can have. Source: spec §12.1. */

/** The parts of a repository's address that matter here. */
export interface RepositoryAddress {
  /** `http` or `https`. */
  scheme: string
  /** Without the port. */
  host: string
  /** The last part of the path, without `.git`. */
  name: string
}

/** Reads the address of a repository, or says why it is none. */
export function readRepositoryUrl(text: string): RepositoryAddress | { problem: string } {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) return { problem: 'must be an https URL' }
  if (url.username || url.password) return { problem: 'must not hold credentials: give an authorization_token' }
  // What the parser changes (case, dots, default ports) git and the gateway would see in another form.
  if (url.href !== text) return { problem: `must be written as ${withoutExtras(url)}` }
  const parts = url.pathname.slice(1).split('/')
  if (!parts.every((part) => /^[A-Za-z0-9_~+-][A-Za-z0-9._~+-]*$/.test(part))) {
    return { problem: 'must name a repository by a path of letters, digits and . _ ~ + -' }
  }
  if (url.search || url.hash) return { problem: 'must have neither a query nor a fragment' }
  if (url.hostname === 'github.com' && (url.port || parts.length !== 2 || text.endsWith('.git'))) {
    return { problem: 'must be https://github.com/<owner>/<repo>, without .git' }
  }
  const name = parts.at(-1)!.replace(/\.git$/, '')
  if (name === '') return { problem: 'must name a repository' }
  return { scheme: url.protocol.slice(0, -1), host: url.hostname.replace(/^\[|\]$/g, ''), name }
}

function withoutExtras(url: URL): string {
  return `${url.origin}${url.pathname}`
}

/** Whether git would take it as the name of a branch. Source: git-check-ref-format(1). */
export function isBranchName(name: string): boolean {
  return (
    // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these are refused
    !/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(\/|$)|^[-./]|[./]$/.test(name) &&
    name !== '@' &&
    name !== 'HEAD'
  )
}

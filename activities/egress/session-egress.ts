import type { CloudConfig } from '../../protocol/environments.ts'
import type { SessionAgent } from '../../protocol/sessions.ts'
import type { EgressPolicy, Route } from '../container/provider.ts'
import { packageHosts } from './package-hosts.ts'

export interface EgressSources {
  /** Of the session's environment. */
  networking: CloudConfig['networking']
  agent: Pick<SessionAgent, 'mcp_servers'>
  routes: Route[]
  allowPrivate: string[]
}

/** What of the network a session's container has; undefined when it has none. Source: spec §4.1. */
export function sessionEgress({ networking, agent, routes, allowPrivate }: EgressSources): EgressPolicy | undefined {
  if (networking.type === 'unrestricted') return { mode: 'unrestricted', allowedHosts: [], routes, allowPrivate }
  const allowedHosts = allowedIn(networking, agent)
  if (allowedHosts.length === 0 && routes.length === 0) return undefined
  return { mode: allowedHosts.length > 0 ? 'limited' : 'none', allowedHosts, routes, allowPrivate }
}

function allowedIn(
  networking: Extract<CloudConfig['networking'], { type: 'limited' }>,
  { mcp_servers }: Pick<SessionAgent, 'mcp_servers'>,
): string[] {
  return [
    ...networking.allowed_hosts,
    ...(networking.allow_package_managers ? packageHosts : []),
    ...(networking.allow_mcp_servers ? mcp_servers.map(({ url }) => new URL(url).hostname) : []),
  ].map((host) => host.toLowerCase())
}

/** Whether a host may be reached: by its name, or by `*.` and the end of it. Source: spec §4.1. */
export function isAllowedHost(host: string, { mode, allowedHosts }: EgressPolicy): boolean {
  if (mode === 'none') return false
  if (mode === 'unrestricted') return true
  const name = host.toLowerCase().replace(/\.$/, '')
  return allowedHosts.some((allowed) =>
    allowed.startsWith('*.') ? name.endsWith(allowed.slice(1)) && name.length > allowed.length - 1 : name === allowed,
  )
}

import type { CloudConfig } from '../../protocol/environments.ts'
import type { SessionAgent } from '../../protocol/sessions.ts'
import type { EgressPolicy, Injection, Route } from '../container/provider.ts'
import { packageHosts } from './package-hosts.ts'

export interface EgressSources {
  /** Of the session's environment. */
  networking: CloudConfig['networking']
  agent: Pick<SessionAgent, 'mcp_servers'>
  routes: Route[]
  injections: Injection[]
  allowPrivate: string[]
}

/** What of the network a session's container has; undefined when it has none. Source: spec §4.1. */
export function sessionEgress(sources: EgressSources): EgressPolicy | undefined {
  const { networking, agent, routes, injections, allowPrivate } = sources
  const common = { routes, injections, allowPrivate }
  if (networking.type === 'unrestricted') return { mode: 'unrestricted', allowedHosts: [], ...common }
  const allowedHosts = allowedIn(networking, agent)
  if (allowedHosts.length === 0 && routes.length === 0) return undefined
  return { mode: allowedHosts.length > 0 ? 'limited' : 'none', allowedHosts, ...common }
}

function allowedIn(
  networking: Extract<CloudConfig['networking'], { type: 'limited' }>,
  { mcp_servers }: Pick<SessionAgent, 'mcp_servers'>,
): string[] {
  return [
    ...networking.allowed_hosts,
    ...(networking.allow_package_managers ? packageHosts : []),
    // With its port, when it is not the usual one.
    ...(networking.allow_mcp_servers ? mcp_servers.map(({ url }) => new URL(url).host) : []),
  ].map((host) => host.toLowerCase())
}

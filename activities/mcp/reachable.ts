import type { Networking } from '../../protocol/environments.ts'

/** Whether the session's environment lets it use a server at this URL. Source: spec §19. */
export function isReachable(url: string, networking: Networking): boolean {
  if (networking.type === 'unrestricted' || networking.allow_mcp_servers) return true
  const { hostname } = new URL(url)
  return networking.allowed_hosts.some((entry) => {
    const allowed = entry.toLowerCase()
    return allowed.startsWith('*.') ? hostname.endsWith(allowed.slice(1)) : hostname === allowed
  })
}

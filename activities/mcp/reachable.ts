import type { Networking } from '../../protocol/environments.ts'
import { isHostIn } from '../egress/host-list.ts'

/** Whether the session's environment lets it use a server at this URL. Source: spec §19. */
export function isReachable(url: string, networking: Networking): boolean {
  if (networking.type === 'unrestricted' || networking.allow_mcp_servers) return true
  return isHostIn(new URL(url).hostname, networking.allowed_hosts)
}

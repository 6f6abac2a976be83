import type { EgressPolicy } from '../container/provider.ts'
import type { AddressPolicy, Resolved } from './address-policy.ts'
import { isHostIn } from './host-list.ts'

/** Why a request of the container is not passed on. */
export class Denied extends Error {
  override readonly name = 'Denied'
}

/** Where a request or a tunnel goes. */
export interface Destination {
  /** Name or address, as the container gave it. */
  host: string
  port: number
}

export interface Reached extends Destination, Resolved {
  /** Whether the address is one that only `egress.allowPrivate` opens. */
  isPrivate: boolean
}

/** What is open of a limited environment's hosts, but where another port is named with the host. */
const usualPorts = [80, 443]

/**
 * The address to dial for a destination, when the environment lets the container there.
 * @throws Denied, AddressRefused, or what the resolver throws
 */
export async function reach(to: Destination, policy: EgressPolicy, addresses: AddressPolicy): Promise<Reached> {
  // Before any name is looked up: names can carry away what the container knows.
  checkHost(to.host, policy)
  const resolved = await addresses.resolve(to.host)
  const reached = { ...to, ...resolved, isPrivate: !addresses.isPublic(resolved.address) }
  checkPort(reached, policy)
  return reached
}

/** Whether what was reached before may still be. */
export function isStillOpen(to: Reached, policy: EgressPolicy, addresses: AddressPolicy): boolean {
  try {
    checkHost(to.host, policy)
    checkPort(to, policy)
    return addresses.permits(to.host, to.address)
  } catch {
    return false
  }
}

function checkHost(host: string, { mode, allowedHosts }: EgressPolicy): void {
  if (mode === 'unrestricted') return
  if (mode === 'limited' && isHostIn(host, allowedHosts)) return
  throw new Denied(`${host} is not among the hosts that this session's environment allows (config.networking)`)
}

/** What the operator opened of the private networks is open at every port. */
function checkPort({ host, port, isPrivate }: Reached, { mode, allowedHosts }: EgressPolicy): void {
  if (mode === 'unrestricted' || isPrivate) return
  if (isHostIn(host, allowedHosts, (named) => (named === undefined ? usualPorts.includes(port) : named === port)))
    return
  throw new Denied(
    `port ${port} of ${host} is not open: hosts of a limited environment (config.networking) have 80 and 443`,
  )
}

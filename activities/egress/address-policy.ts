import { lookup as systemLookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import os from 'node:os'
import ipaddr from 'ipaddr.js'

export interface AddressPolicyOptions {
  /** Host names, addresses or CIDRs that may be reached although private. @default none */
  allowPrivate?: readonly string[]
  /** Finds the addresses of a host. @default the system's resolver */
  resolver?: (host: string) => Promise<{ address: string }[]>
}

export interface Resolved {
  address: string
  family: 4 | 6
}

/** The host, or an address of it, lies in a network that is not for what acts for a session. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'

  constructor(host: string, address: string) {
    const what = host === address ? host : `${host} (${address})`
    super(`${what} is a private address; egress.allowPrivate in temporal.config.ts would allow it`)
  }
}

/**
 * Decides which addresses may be dialled for a session: public ones, and private ones that are listed. It resolves by
 * itself, so that what was checked is what is dialled.
 */
export class AddressPolicy {
  readonly #allowed: readonly string[]
  readonly #resolver: NonNullable<AddressPolicyOptions['resolver']>

  constructor({ allowPrivate = [], resolver }: AddressPolicyOptions = {}) {
    this.#allowed = allowPrivate
    this.#resolver = resolver ?? ((host) => systemLookup(host, { all: true }))
  }

  /** @throws AddressRefused, or what the resolver throws */
  async resolve(host: string): Promise<Resolved> {
    const name = host.replace(/^\[|\]$/g, '')
    const found = ipaddr.isValid(name) ? [{ address: name }] : await this.#resolver(name)
    for (const { address } of found) if (!this.permits(name, address)) throw new AddressRefused(name, address)
    // Many hosts have a way to IPv4 only.
    const chosen = found.find(({ address }) => ipaddr.IPv4.isValid(address)) ?? found[0]
    if (!chosen) throw new Error(`${name} has no address`)
    return { address: chosen.address, family: ipaddr.parse(chosen.address).kind() === 'ipv4' ? 4 : 6 }
  }

  /** Whether this address may be dialled for this host. */
  permits(host: string, address: string): boolean {
    if (this.#allowed.includes(host.replace(/^\[|\]$/g, ''))) return true
    return this.isPublic(address) || this.#isAllowed(ipaddr.process(address))
  }

  isPublic(address: string): boolean {
    return isPublic(ipaddr.process(address))
  }

  /** For `net.connect` and agents. Not asked for addresses: check those with `resolve` first. */
  readonly lookup: LookupFunction = (host, options, callback) => {
    this.resolve(host).then(
      ({ address, family }) => (options.all ? callback(null, [{ address, family }]) : callback(null, address, family)),
      (error) => callback(error, '', 0),
    )
  }

  #isAllowed(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
    return this.#allowed.some((entry) => {
      if (ipaddr.isValid(entry)) return `${ipaddr.process(entry)}` === `${address}`
      if (!ipaddr.isValidCIDR(entry)) return false
      const [range, bits] = ipaddr.parseCIDR(entry)
      return range.kind() === address.kind() && address.match(range, bits)
    })
  }
}

/** Neither of a range with a meaning of its own nor one of this machine's. */
function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== 'unicast') return false
  const own = Object.values(os.networkInterfaces()).flatMap((list) => list ?? [])
  return !own.some((mine) => ipaddr.isValid(mine.address) && `${ipaddr.process(mine.address)}` === `${address}`)
}

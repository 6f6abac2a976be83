import { AddressPolicy } from '../../egress/address-policy.ts'
import { Lookups } from '../../egress/lookups.ts'
import { Denied, type Destination, isStillOpen, type Reached, reach } from '../../egress/reach.ts'
import type { EgressPolicy } from '../provider.ts'

/** What ends when the policy does not allow it any more. */
interface Way {
  readonly destroyed: boolean
  destroy(): void
  once(event: 'close', listener: () => void): void
}

/** The policy of a container, and what is under way by it: a change of the policy holds at once, also for that. */
export class OpenWays {
  #policy: EgressPolicy
  #addresses: AddressPolicy
  /** Of this container alone: names that it looks up in vain hold up no other one's. */
  readonly #lookups = new Lookups()
  readonly #open = new Map<Way, Reached>()

  constructor(policy: EgressPolicy) {
    this.#policy = policy
    this.#addresses = this.#addressesBy(policy)
  }

  get policy(): EgressPolicy {
    return this.#policy
  }

  set policy(policy: EgressPolicy) {
    this.#policy = policy
    this.#addresses = this.#addressesBy(policy)
    for (const [way, to] of this.#open) if (!isStillOpen(to, policy, this.#addresses)) way.destroy()
  }

  get addresses(): AddressPolicy {
    return this.#addresses
  }

  /** @throws Denied, AddressRefused, or what the resolver throws */
  reach(to: Destination): Promise<Reached> {
    return reach(to, this.#policy, this.#addresses)
  }

  /**
   * Ends `way` when the policy does not allow it any more.
   * @throws Denied when that is so already, Error when `way` has ended
   */
  hold(to: Reached, way: Way): void {
    if (way.destroyed) throw new Error('the container has gone')
    if (!isStillOpen(to, this.#policy, this.#addresses)) throw new Denied(`${to.host} is not allowed any more`)
    if (this.#open.has(way)) return
    this.#open.set(way, to)
    way.once('close', () => this.#open.delete(way))
  }

  endAll(): void {
    for (const way of this.#open.keys()) way.destroy()
  }

  #addressesBy({ allowPrivate }: EgressPolicy): AddressPolicy {
    return new AddressPolicy({ allowPrivate, resolver: (host) => this.#lookups.find(host) })
  }
}

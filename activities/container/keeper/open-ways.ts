import { AddressPolicy } from '../../egress/address-policy.ts'
import { Denied, type Destination, isStillOpen, type Reached, reach } from '../../egress/reach.ts'
import type { EgressPolicy } from '../provider.ts'

/** What ends when the policy does not allow it any more. */
interface Way {
  destroy(): void
  once(event: 'close', listener: () => void): void
}

/** The policy of a container, and what is under way by it: a change of the policy holds at once, also for that. */
export class OpenWays {
  #policy: EgressPolicy
  #addresses: AddressPolicy
  readonly #open = new Map<Way, Reached>()

  constructor(policy: EgressPolicy) {
    this.#policy = policy
    this.#addresses = new AddressPolicy({ allowPrivate: policy.allowPrivate })
  }

  get policy(): EgressPolicy {
    return this.#policy
  }

  set policy(policy: EgressPolicy) {
    this.#policy = policy
    this.#addresses = new AddressPolicy({ allowPrivate: policy.allowPrivate })
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
   * @throws Denied when that is so already
   */
  hold(to: Reached, way: Way): void {
    if (!isStillOpen(to, this.#policy, this.#addresses)) throw new Denied(`${to.host} is not allowed any more`)
    if (this.#open.has(way)) return
    this.#open.set(way, to)
    way.once('close', () => this.#open.delete(way))
  }

  endAll(): void {
    for (const way of this.#open.keys()) way.destroy()
  }
}

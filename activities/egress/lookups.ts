import { lookup } from 'node:dns/promises'

/** Names that are looked up at once. */
const most = 2
/** Milliseconds until a look-up is given up, also one that has waited for others until then. */
const patienceMs = 10_000

type Addresses = Promise<{ address: string }[]>

/**
 * The system's look-ups of names for one session, a few at a time. Each holds a thread of the process until it has ended,
 * which takes half a minute where no server answers: one session must not hold them all.
 */
export class Lookups {
  /** By name: who asks for the same one joins. */
  readonly #wanted = new Map<string, Addresses>()
  readonly #waiting = new Set<() => void>()
  #underWay = 0

  /** @throws what the system says, or that it takes too long */
  find(host: string): Addresses {
    const wanted = this.#wanted.get(host) ?? this.#find(host).finally(() => this.#wanted.delete(host))
    this.#wanted.set(host, wanted)
    return wanted
  }

  #find(host: string): Addresses {
    return new Promise((resolve, reject) => {
      const begin = async () => {
        try {
          resolve(await lookup(host, { all: true }))
        } catch (error) {
          reject(error)
        } finally {
          clearTimeout(timer)
          // Only now, also when it was given up before: until here it had its thread.
          this.#underWay--
          this.#next()
        }
      }
      const timer = setTimeout(() => {
        this.#waiting.delete(begin)
        reject(new Error(`its name was looked up for ${patienceMs / 1000} s in vain`))
      }, patienceMs)
      this.#waiting.add(begin)
      this.#next()
    })
  }

  #next(): void {
    const [begin] = this.#waiting
    if (!begin || this.#underWay >= most) return
    this.#waiting.delete(begin)
    this.#underWay++
    begin()
  }
}

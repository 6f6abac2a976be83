import type { ToolResult } from '../../../protocol/contract.ts'
import type { Entry, Ledger } from './ledger.ts'

/** The results of a session's calls: in its ledger, and here until the disk takes them. */
export class KeptResults {
  readonly #sessionId: string
  readonly #ledger: Ledger
  readonly #unsaved = new Map<string, Extract<Entry, { state: 'done' }>>()

  constructor(sessionId: string, ledger: Ledger) {
    this.#sessionId = sessionId
    this.#ledger = ledger
  }

  /** Whether all of them are in the ledger. */
  get areSaved(): boolean {
    return this.#unsaved.size === 0
  }

  read(id: string): Entry {
    return this.#unsaved.get(id) ?? this.#ledger.read(id)
  }

  /** A result that cannot be written down yet is answered all the same, and kept here until the disk takes it. */
  record(id: string, fingerprint: string, result: ToolResult): void {
    this.#unsaved.set(id, { state: 'done', fingerprint, result })
    for (const [unsaved, entry] of this.#unsaved) {
      try {
        const { isOnDisk } = this.#ledger.finish(unsaved, entry.fingerprint, entry.result)
        this.#unsaved.delete(unsaved)
        isOnDisk.catch((error) => this.#say(error))
      } catch (error) {
        this.#say(error)
      }
    }
  }

  #say(error: unknown): void {
    console.error(`ledger of ${this.#sessionId}: ${error}`)
  }
}

import type { ToolResult } from '../../../protocol/contract.ts'
import type { Entry, Ledger } from './ledger.ts'

/** The results of a session's calls: in its ledger, and here until the disk takes them. */
export class KeptResults {
  readonly #sessionId: string
  readonly #ledger: Ledger
  readonly #unsaved = new Map<string, Extract<Entry, { state: 'done' }>>()

  readonly #saving = new Set<string>()

  constructor(sessionId: string, ledger: Ledger) {
    this.#sessionId = sessionId
    this.#ledger = ledger
  }

  async read(id: string): Promise<Entry> {
    return this.#unsaved.get(id) ?? (await this.#ledger.read(id))
  }

  /** A result that cannot be written down yet is answered all the same, and kept here until the disk takes it. */
  async record(id: string, fingerprint: string, result: ToolResult): Promise<void> {
    this.#unsaved.set(id, { state: 'done', fingerprint, result })
    for (const [unsaved, entry] of this.#unsaved) {
      // Calls that end at the same time save their own.
      if (this.#saving.has(unsaved)) continue
      this.#saving.add(unsaved)
      try {
        await this.#ledger.finish(unsaved, entry.fingerprint, entry.result)
        this.#unsaved.delete(unsaved)
      } catch (error) {
        console.error(`ledger of ${this.#sessionId}: ${error}`)
      } finally {
        this.#saving.delete(unsaved)
      }
    }
  }
}

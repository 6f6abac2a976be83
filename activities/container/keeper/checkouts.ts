import { access, mkdir, open } from 'node:fs/promises'
import path from 'node:path'
import type { SessionErrorBody } from '../../../protocol/events.ts'
import type { ContainerNotice, ContainerRepository } from '../provider.ts'

/** What came of an attempt. `message` is for people: it names the repository by its own address. */
export type CheckoutOutcome = { ok: true } | { ok: false; kind: RepositoryErrorKind; message: string }
type RepositoryErrorKind = Extract<SessionErrorBody, { repository_url: string | null }>['type']

interface Failure {
  credential: string
  kind: string
  attempts: number
  at: number
}

const firstPauseMs = 60_000
const longestPauseMs = 30 * 60_000

/**
 * Sees to it that a session's repositories are checked out, each once: what is done is marked in a folder that no
 * container sees. What failed is tried again when the token has changed, or a while later; the session goes on without.
 */
export class Checkouts {
  readonly #folder: string
  readonly #attempt: (repository: ContainerRepository) => Promise<CheckoutOutcome>
  readonly #done = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #news: ContainerNotice[] = []
  readonly #failed = new Map<string, Failure>()

  /** @param attempt clones; rejects when it could not even be tried */
  constructor(folder: string, attempt: (repository: ContainerRepository) => Promise<CheckoutOutcome>) {
    this.#folder = folder
    this.#attempt = attempt
  }

  /** Resolves when each repository is there or has failed. */
  async ensure(repositories: ContainerRepository[]): Promise<void> {
    for (const repository of repositories) {
      const { id } = repository
      if (this.#done.has(id)) continue
      let running = this.#running.get(id)
      if (!running) {
        running = this.#try(repository).finally(() => this.#running.delete(id))
        this.#running.set(id, running)
      }
      await running
    }
  }

  /** What nobody has been told yet: who takes it tells it. */
  takeNews(): ContainerNotice[] {
    return this.#news.splice(0)
  }

  async #try(repository: ContainerRepository): Promise<void> {
    const { id, url, path: place, credential } = repository
    if (await this.#isMarked(id)) return
    const before = this.#failed.get(id)
    if (before?.credential === credential && Date.now() - before.at < pause(before.attempts)) return
    const outcome = await this.#attempt(repository)
    if (outcome.ok) {
      await this.#mark(id)
      this.#failed.delete(id)
      if (before) this.#news.push({ text: `The repository ${url} is now checked out in ${place}.` })
      return
    }
    const { kind, message } = outcome
    const isSame = before?.credential === credential
    this.#failed.set(id, { credential, kind, attempts: isSame ? before.attempts + 1 : 1, at: Date.now() })
    // Said once for each cause, not with every attempt.
    if (isSame && before.kind === kind) return
    const text = `The repository ${url} could not be checked out in ${place}: ${message}`
    const retry_status = { type: 'retrying' as const }
    this.#news.push({ text, error: { type: kind, message: text, repository_url: url, retry_status } })
  }

  async #isMarked(id: string): Promise<boolean> {
    const isMarked = await access(this.#marker(id)).then(
      () => true,
      () => false,
    )
    if (isMarked) this.#done.add(id)
    return isMarked
  }

  async #mark(id: string): Promise<void> {
    // Not recursive: the session may have been destroyed meanwhile.
    await mkdir(this.#folder, { mode: 0o700 }).catch(unlessThere)
    const file = await open(this.#marker(id), 'w')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    this.#done.add(id)
  }

  #marker(id: string): string {
    if (!/^[A-Za-z0-9_]{1,128}$/.test(id)) throw new Error(`${JSON.stringify(id)} is no id of a repository`)
    return path.join(this.#folder, id)
  }
}

const pause = (attempts: number) => Math.min(longestPauseMs, firstPauseMs * 2 ** (attempts - 1))

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

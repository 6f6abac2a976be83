import { mkdir, open, readFile, truncate } from 'node:fs/promises'
import path from 'node:path'
import type { SessionErrorBody } from '../../../protocol/events.ts'
import { oneLine } from '../../../protocol/one-line.ts'
import type { ContainerNotice, ContainerRepository } from '../provider.ts'

/** What came of an attempt. `message` is for people: it names the repository by its own address. */
export type CheckoutOutcome =
  | { ok: true; skills?: RepositorySkill[] }
  | { ok: false; kind: RepositoryErrorKind; message: string }
type RepositoryErrorKind = Extract<SessionErrorBody, { repository_url: string | null }>['type']

/** A skill in a repository: a folder below its `.claude/skills`. */
export interface RepositorySkill {
  folder: string
  description: string
}

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
  /** `marker` is the file that holds it until it is told. */
  readonly #news: { notice: ContainerNotice; marker?: string }[] = []
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

  /** What nobody has been told yet: who takes it tells it, and says when it is written down with a result. */
  takeNews(): { notices: ContainerNotice[]; told(): void } {
    const taken = this.#news.splice(0)
    return {
      notices: taken.map(({ notice }) => notice),
      told: () => {
        // Whoever keeps the session later would tell it again.
        for (const { marker } of taken) if (marker) truncate(marker).catch(() => {})
      },
    }
  }

  async #try(repository: ContainerRepository): Promise<void> {
    const { id, url, path: place, credential } = repository
    if (await this.#isMarked(id)) return
    const before = this.#failed.get(id)
    if (before?.credential === credential && Date.now() - before.at < pause(before.attempts)) return
    const outcome = await this.#attempt(repository)
    if (outcome.ok) {
      const isNow = before ? [`The repository ${url} is now checked out in ${place}.`] : []
      await this.#mark(id, [...isNow, ...aboutSkills(outcome.skills ?? [], url, place)].join(' '))
      this.#failed.delete(id)
      return
    }
    const { kind, message } = outcome
    const isSame = before?.credential === credential
    this.#failed.set(id, { credential, kind, attempts: isSame ? before.attempts + 1 : 1, at: Date.now() })
    // Said once for each cause, not with every attempt.
    if (isSame && before.kind === kind) return
    const text = `The repository ${url} could not be checked out in ${place}: ${message}`
    const retry_status = { type: 'retrying' as const }
    this.#news.push({ notice: { text, error: { type: kind, message: text, repository_url: url, retry_status } } })
  }

  async #isMarked(id: string): Promise<boolean> {
    const news = await readFile(this.#marker(id), 'utf8').catch(() => undefined)
    if (news === undefined) return false
    this.#tell(id, news)
    this.#done.add(id)
    return true
  }

  #tell(id: string, text: string): void {
    if (text !== '') this.#news.push({ notice: { text }, marker: this.#marker(id) })
  }

  /** @param news for the agent, kept until it is told */
  async #mark(id: string, news: string): Promise<void> {
    // Not recursive: the session may have been destroyed meanwhile.
    await mkdir(this.#folder, { mode: 0o700 }).catch(unlessThere)
    const file = await open(this.#marker(id), 'w')
    try {
      await file.writeFile(news)
      await file.sync()
    } finally {
      await file.close()
    }
    this.#tell(id, news)
    this.#done.add(id)
  }

  #marker(id: string): string {
    if (!/^[A-Za-z0-9_]{1,128}$/.test(id)) throw new Error(`${JSON.stringify(id)} is no id of a repository`)
    return path.join(this.#folder, id)
  }
}

function aboutSkills(skills: RepositorySkill[], url: string, place: string): string[] {
  if (skills.length === 0) return []
  const lines = skills.map(
    ({ folder, description }) => `- ${place}/.claude/skills/${folder}/SKILL.md: ${oneLine(description)}`,
  )
  const text = `The repository ${url} has skills, instructions for particular tasks. When a task is one that a skill is for, read its SKILL.md with the read tool before you begin, and follow it; paths in it are relative to its folder.`
  return [[text, ...lines].join('\n')]
}

const pause = (attempts: number) => Math.min(longestPauseMs, firstPauseMs * 2 ** (attempts - 1))

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error
}

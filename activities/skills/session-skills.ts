import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { limits } from '../../protocol/limits.ts'
import { skillsFolder } from '../../protocol/mount-path.ts'
import type { SessionAgent } from '../../protocol/sessions.ts'
import type { Blobs } from '../../store/blobs.ts'
import type { Records } from '../../store/records.ts'
import { BadArchive, readArchive } from '../../store/skill-archive.ts'
import type { SkillVersionRecord } from '../../store/skill-records.ts'
import type { ContainerNotice, Mount } from '../container/provider.ts'
import { LayerStore } from '../packages/layer-store.ts'

export interface SessionSkillsOptions {
  /** Folder of the host for the files; no container can write there, and the containers' users have to reach it. */
  directory: string
  records: Pick<Records, 'skills'>
  blobs: Pick<Blobs, 'get'>
}

export interface MountedSkills {
  mounts: Mount[]
  /** What the session has to hear of those that could not be had. */
  notices: ContainerNotice[]
}

/** Raised when the same files would be laid out in another way. */
const format = 1
const bounds = { files: limits.skillFiles, bytes: limits.skillBytes }
/** A container without a call for that long has been stopped: nobody has such a folder any more. */
const unusedMs = 30 * 24 * 3600_000

/** The files of skills on this host: each version is unpacked once, and shared by all sessions that have it. */
export class SessionSkills {
  readonly #of: SessionSkillsOptions
  readonly #store: LayerStore

  constructor(options: SessionSkillsOptions) {
    this.#of = options
    this.#store = new LayerStore(options.directory)
  }

  /** What a session's container needs for the skills of its agent; they are brought here when they are not. */
  async of({ skills }: Pick<SessionAgent, 'skills'>): Promise<MountedSkills> {
    const { records } = this.#of
    const mounts: Mount[] = []
    const notices: ContainerNotice[] = []
    if (skills.length === 0) return { mounts, notices }
    const known = await records.skills.versions.getMany(skills.map(({ version }) => version))
    const byId = new Map(known.map((record) => [record.version.id, record]))
    // One after the other: each is in memory while it is unpacked.
    for (const { skill_id, version } of skills) {
      const record = byId.get(version)
      try {
        if (!record) throw new BadArchive('nothing is known of it')
        const { name } = record.version
        const folder = await this.#store.obtain(keyOf(record), (at) => this.#unpack(record, at))
        mounts.push({ target: `${skillsFolder}/${name}`, source: path.join(folder, name), mode: 'ro' })
      } catch (error) {
        if (!(error instanceof BadArchive)) throw error
        notices.push(missing(record?.version.name ?? skill_id, error.message))
      }
    }
    return { mounts, notices }
  }

  /** Removes what nobody has used for long, and what killed processes left half unpacked. */
  collect(): Promise<void> {
    return this.#store.collect(unusedMs)
  }

  async #unpack({ blob, sha256 }: SkillVersionRecord, folder: string): Promise<void> {
    const archive = await this.#of.blobs.get(blob)
    if (!archive) throw new BadArchive('its content is gone')
    if (createHash('sha256').update(archive).digest('hex') !== sha256) throw new BadArchive('its content is damaged')
    for (const file of await readArchive(archive, bounds)) {
      const target = path.join(folder, file.path)
      await mkdir(path.dirname(target), { recursive: true, mode: 0o755 })
      await writeFile(target, file.content, { mode: file.isExecutable ? 0o755 : 0o644, flag: 'wx' })
    }
  }
}

/** Versions with the same files have one folder. */
const keyOf = ({ sha256 }: SkillVersionRecord) =>
  createHash('sha256')
    .update(JSON.stringify([format, sha256]))
    .digest('hex')

function missing(name: string, reason: string): ContainerNotice {
  const text = `The skill "${name}" is not in the container: ${reason}.`
  return { text, error: { type: 'unknown_error', message: text, retry_status: { type: 'retrying' } } }
}

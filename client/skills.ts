import { z } from 'zod'
import { invalidRequest, notFound } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { decodePage, encodePage } from '../protocol/pagination.ts'
import { parse } from '../protocol/parse.ts'
import {
  type Skill,
  type SkillFile,
  type SkillVersion,
  skillFields,
  skillListParams,
  skillVersionListParams,
} from '../protocol/skills.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'
import { mayBeDone } from '../store/records-unavailable.ts'
import type { NewSkillVersion } from '../store/skill-records.ts'
import { purgeDeletedSkills } from './deleted-skills.ts'
import { pageAt, pageOf } from './pages.ts'
import { skillContent } from './skill-content.ts'
import { findVersion } from './skill-references.ts'
import type { SkillsApi } from './skills-api.ts'

export function createSkillsApi(records: Pick<Records, 'skills'>, blobs: Blobs): SkillsApi {
  const { skills } = records

  async function find(id: string): Promise<Skill> {
    const skill = await skills.get(id)
    if (!skill) throw notFound('skill', id)
    return skill
  }

  /**
   * Stores the content of a new version, then its row by `insert`.
   * @param named the name that it has to have
   */
  async function store<T>(
    skillId: string,
    files: readonly SkillFile[],
    insert: (version: NewSkillVersion, now: string) => Promise<T>,
    named?: string,
  ): Promise<T> {
    const { name, description, archive, sha256 } = await skillContent(files)
    if (named !== undefined && name !== named) {
      throw invalidRequest(
        `SKILL.md: name: is "${name}", but every version of skill ${skillId} has the name "${named}"`,
      )
    }
    const id = newId('skillVersion')
    const now = new Date().toISOString()
    const version: SkillVersion = { id, type: 'skill_version', skill_id: skillId, name, description, created_at: now }
    const blob = `skills/${skillId}/${id}`
    await blobs.put(blob, archive)
    try {
      return await insert({ version, blob, sha256, size: archive.length }, now)
    } catch (error) {
      if (!mayBeDone(error)) await blobs.delete(blob).catch(() => {})
      throw error
    }
  }

  /** It is deleted, whatever comes of this: what is left over is removed later (`keepHouse`). */
  const purge = () => purgeDeletedSkills({ records, blobs }).catch(() => {})

  return {
    async create(input) {
      const { files, ...fields } = input ?? {}
      const { display_name } = parse(skillFields, fields)
      const id = newId('skill')
      return store(id, files, async (version, now) => {
        const skill: Skill = {
          id,
          type: 'skill',
          display_name: display_name ?? version.version.name,
          latest_version_id: version.version.id,
          source: { type: 'custom' },
          created_at: now,
          updated_at: now,
        }
        await skills.insert(skill, version)
        return skill
      })
    },

    retrieve: find,

    async list(input = {}) {
      const { limit, page, source } = parse(skillListParams, input)
      // Nothing of these kinds exists here.
      if (source === 'anthropic') return { data: [], next_page: null }
      const { rows, more } = await skills.list({ limit, ...pageAt('skills', page) })
      return pageOf('skills', rows, more)
    },

    async delete(skillId) {
      if (!(await skills.delete(skillId, new Date().toISOString()))) throw notFound('skill', skillId)
      await purge()
      return { id: skillId, type: 'skill_deleted' }
    },

    versions: {
      async create(skillId, input) {
        const { version } = await findVersion(records, skillId, 'latest')
        const insert = async (given: NewSkillVersion) => {
          const stored = await skills.versions.insert(given)
          if (!stored) throw notFound('skill', skillId)
          return stored.version
        }
        return store(skillId, input?.files, insert, version.name)
      },

      async retrieve(version, { skill_id }) {
        return (await findVersion(records, skill_id, version)).version
      },

      async list(skillId, input = {}) {
        const { limit, page } = parse(skillVersionListParams, input)
        await find(skillId)
        const list = `skill_versions/${skillId}`
        const after = page && decodePage(list, page, { number: z.int() }).number
        const { rows, more } = await skills.versions.list(skillId, { limit, ...(after && { after }) })
        const last = rows.at(-1)
        return {
          data: rows.map(({ version }) => version),
          next_page: more && last ? encodePage(list, { number: last.number }) : null,
        }
      },

      async delete(version, { skill_id }) {
        const { id } = (await findVersion(records, skill_id, version)).version
        const outcome = await skills.versions.delete(skill_id, id, new Date().toISOString())
        if (outcome === 'absent') throw notFound('version', `${version} of skill ${skill_id}`)
        if (outcome === 'last') {
          throw invalidRequest(`version ${version} is the last one of skill ${skill_id}: delete the skill`)
        }
        await purge()
        return { id, type: 'skill_version_deleted' }
      },

      async download(version, { skill_id }) {
        const found = await findVersion(records, skill_id, version)
        const content = await blobs.getStream(found.blob)
        if (!content) throw notFound('content of version', `${version} of skill ${skill_id}`)
        return { version: found.version, size: found.size, content }
      },
    },
  }
}

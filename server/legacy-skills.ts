import type { SkillsApi } from '../client/skills-api.ts'
import { ApiError } from '../protocol/errors.ts'
import type { Page } from '../protocol/pagination.ts'
import type { Skill, SkillVersion } from '../protocol/skills.ts'

/** Clients that send it get the older shapes. Source: spec §2.2, §20. */
export const legacySkills = 'skills-2025-10-02'

/** A version by its time in microseconds: its name for older clients. */
const numberOf = ({ created_at }: SkillVersion) => `${Date.parse(created_at)}000`

export function legacyVersion(version: SkillVersion) {
  return { ...version, version: numberOf(version), directory: version.name }
}

export async function legacySkill(skills: SkillsApi, { id, type, created_at, updated_at, ...skill }: Skill) {
  const latest = await skills.versions.retrieve('latest', { skill_id: id }).catch((error) => {
    // It was deleted since it was listed.
    if (!(error instanceof ApiError && error.status === 404)) throw error
  })
  return {
    id,
    type,
    display_title: skill.display_name,
    latest_version: latest ? numberOf(latest) : null,
    source: skill.source.type,
    created_at,
    updated_at,
  }
}

export async function legacyPage<T, Legacy>(
  { data, next_page }: Page<T>,
  shape: (item: T) => Legacy | Promise<Legacy>,
) {
  return { data: await Promise.all(data.map(shape)), has_more: next_page !== null, next_page }
}

/** What older clients hear of a deletion: the version as they name it. */
export async function deleteLegacyVersion(skills: SkillsApi, version: string, skill_id: string) {
  const found = await skills.versions.retrieve(version, { skill_id })
  const { type } = await skills.versions.delete(found.id, { skill_id })
  return { id: numberOf(found), type }
}

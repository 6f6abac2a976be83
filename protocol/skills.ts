/** Skills: folders of instructions and files that an agent reads when it needs them. Source: spec §20. */
import type { Readable } from 'node:stream'
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { limits } from './limits.ts'
import { pageParams } from './pagination.ts'

export interface Skill {
  id: string
  type: 'skill'
  display_name: string
  latest_version_id: string
  source: { type: 'custom' }
  created_at: string
  /** Moves with each new version, and with the deletion of the newest. */
  updated_at: string
}

export interface SkillVersion {
  id: string
  type: 'skill_version'
  skill_id: string
  /** The same in every version: the name of the skill's folder. */
  name: string
  description: string
  created_at: string
}

/** One file of a skill, or a zip archive of all of them. */
export interface SkillFile {
  /** Path of the file: all have their first folder in common, and in it a SKILL.md. Of an archive it does not matter. */
  filename: string
  content: Readable | Uint8Array | Blob
}

const displayName = z
  .string()
  .min(1)
  .max(limits.skillDisplayName)
  .refine((text) => !/\p{Cc}/u.test(text), 'must be one line, without control characters')
export const skillFields = z.strictObject({ display_name: displayName.nullish() })

export interface SkillCreateParams {
  files: SkillFile[]
  /** One line. @default the name in the SKILL.md */
  display_name?: string | null
}
export interface SkillVersionCreateParams {
  files: SkillFile[]
}

export const skillListParams = pageParams('skills').extend({
  /** The SDKs send a null as an empty text. */
  source: z.enum(['custom', 'anthropic', '']).nullish(),
})
export type SkillListParams = z.input<typeof skillListParams>
export const skillVersionListParams = pageParams('skillVersions')
export type SkillVersionListParams = z.input<typeof skillVersionListParams>

/** The newest version, where one is named. */
export const latestVersion = 'latest'

const skillReference = z.strictObject({
  type: z.enum(['custom', 'anthropic']),
  skill_id: z.string().min(1).max(64),
  version: z.string().min(1).max(64).nullish(),
})
export const skillReferences = z.array(skillReference).max(limits.skillsPerSession)
export type SkillReference = z.output<typeof skillReference>

/** A skill of an agent, at one version. Source: spec §3.1. */
export interface AgentSkill {
  type: 'custom'
  skill_id: string
  /** Id of the version. */
  version: string
}

/**
 * An agent's skills as they are stored.
 * @param skills with their versions found out; those of others were refused
 * @throws ApiError 400 for a skill that is named twice
 */
export function resolveSkills(skills: SkillReference[]): AgentSkill[] {
  const named = new Set<string>()
  return skills.map(({ skill_id, version }, index) => {
    if (named.has(skill_id)) throw invalidRequest(`skills.${index}.skill_id: ${skill_id} is named twice`)
    named.add(skill_id)
    return { type: 'custom', skill_id, version: version ?? latestVersion }
  })
}

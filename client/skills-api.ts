import type { Readable } from 'node:stream'
import type { Page } from '../protocol/pagination.ts'
import type {
  Skill,
  SkillCreateParams,
  SkillListParams,
  SkillVersion,
  SkillVersionCreateParams,
  SkillVersionListParams,
} from '../protocol/skills.ts'

/** Skills. Source: spec §20. */
export interface SkillsApi {
  create(params: SkillCreateParams): Promise<Skill>
  retrieve(skillId: string): Promise<Skill>
  list(params?: SkillListParams): Promise<Page<Skill>>
  /** Also deletes its versions. Sessions that have one of them keep it. */
  delete(skillId: string): Promise<{ id: string; type: 'skill_deleted' }>
  versions: SkillVersionsApi
}

/**
 * A version is named by its id, by its time in microseconds (as older clients know it), or as `latest`. The skill's id stands in the
 * parameters, as in the official SDK.
 */
export interface SkillVersionsApi {
  create(skillId: string, params: SkillVersionCreateParams): Promise<SkillVersion>
  retrieve(version: string, params: { skill_id: string }): Promise<SkillVersion>
  list(skillId: string, params?: SkillVersionListParams): Promise<Page<SkillVersion>>
  /** Not the last one of a skill. Sessions that have it keep it. */
  delete(version: string, params: { skill_id: string }): Promise<{ id: string; type: 'skill_version_deleted' }>
  /** The files as a zip archive, in a folder that is called as the skill is. */
  download(version: string, params: { skill_id: string }): Promise<SkillDownload>
}

export interface SkillDownload {
  version: SkillVersion
  /** Bytes of the content. */
  size: number
  content: Readable
}

import type { Skill, SkillVersion } from '../protocol/skills.ts'
import type { ListQuery, Rows } from './records.ts'

/** A version of a skill and where its files are. */
export interface SkillVersionRecord {
  version: SkillVersion
  /** Milliseconds since the epoch of `created_at`: later than that of every version before, whatever the clock says. */
  number: number
  /** It is found no more, and stays for the sessions that have it. */
  isDeleted: boolean
  /** Key of the blob with the files: a zip archive whose paths begin with the skill's name. */
  blob: string
  /** SHA-256 of that blob, hex. */
  sha256: string
  /** Bytes of that blob. */
  size: number
}

/** What is to be a version; its time is moved behind that of the version before when it is stored. */
export type NewSkillVersion = Omit<SkillVersionRecord, 'number' | 'isDeleted'>

/**
 * Skills and their versions. A version that is deleted is found no more, but it stays, with its content, as long as a
 * session that is not archived was created with it.
 */
export interface SkillRecords {
  /** Stores a skill with its first version. */
  insert(skill: Skill, version: NewSkillVersion): Promise<void>
  get(id: string): Promise<Skill | undefined>
  /** Deletes it with all its versions. */
  delete(id: string, at: string): Promise<boolean>
  list(query: ListQuery): Promise<Rows<Skill>>
  versions: {
    /** Stores the next version, which is then the newest. Undefined when there is no such skill. */
    insert(version: NewSkillVersion): Promise<SkillVersionRecord | undefined>
    /** By its id, by its number, or the newest. */
    get(skillId: string, by: { id: string } | { number: number } | 'latest'): Promise<SkillVersionRecord | undefined>
    /** Those with these ids, deleted ones too: what sessions have stays. */
    getMany(ids: string[]): Promise<SkillVersionRecord[]>
    /** The last one of a skill is not deleted. */
    delete(skillId: string, id: string, at: string): Promise<'deleted' | 'absent' | 'last'>
    /** Newest first; `after` is a number. */
    list(skillId: string, query: { limit: number; after?: number }): Promise<Rows<SkillVersionRecord>>
    /** Deleted versions that nobody needs. */
    unneeded(limit: number): Promise<SkillVersionRecord[]>
    /** Forgets a deleted version whose content is gone. */
    forget(id: string): Promise<void>
  }
}

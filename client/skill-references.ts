import { invalidRequest, notFound } from '../protocol/errors.ts'
import { parse } from '../protocol/parse.ts'
import { type AgentSkill, latestVersion, type SkillReference, skillReferences } from '../protocol/skills.ts'
import type { Records } from '../store/records.ts'
import type { SkillVersionRecord } from '../store/skill-records.ts'

type Stores = Pick<Records, 'skills'>

/**
 * The parts of an agent as they were given, with every skill at one version: without one, the newest of that moment.
 * Source: spec §3.1, §20.
 * @param where what the parts are a field of
 * @throws ApiError 404 for a skill or a version that is not there
 */
export async function withSkillVersions<Parts extends { skills?: unknown }>(
  records: Stores,
  parts: Parts,
  where = '',
): Promise<Parts> {
  const given = parts?.skills
  if (given === undefined || given === null) return parts
  const field = where === '' ? 'skills' : `${where}.skills`
  const references = parse(skillReferences, given, field)
  const skills: SkillReference[] = []
  for (const [index, reference] of references.entries()) {
    const { type, skill_id, version } = reference
    // Those of others are refused with the rest of the agent.
    if (type !== 'custom') skills.push(reference)
    else {
      const found = await findVersion(records, skill_id, version ?? latestVersion, `${field}.${index}: `)
      skills.push({ type, skill_id, version: found.version.id })
    }
  }
  return { ...parts, skills }
}

/** Microseconds: what older clients know a version by. Source: spec §20. */
const olderVersion = /^(\d{1,13})000$/

/**
 * A version by its id, by its time in microseconds, or as `latest`.
 * @throws ApiError 404
 */
export async function findVersion(
  { skills }: Stores,
  skillId: string,
  version: string,
  where = '',
): Promise<SkillVersionRecord> {
  const milliseconds = olderVersion.exec(version)?.[1]
  const by = milliseconds === undefined ? { id: version } : { number: Number(milliseconds) }
  const found = await skills.versions.get(skillId, version === latestVersion ? latestVersion : by)
  if (found) return found
  if (await skills.get(skillId)) throw absent(`${where}version`, `${version} of skill ${skillId}`)
  throw absent(`${where}skill`, skillId)
}

const absent = (what: string, id: string) => notFound(what, id, { code: 'skill_not_found' })

/**
 * Sees to it that the skills of an agent are there, side by side.
 * @param where the field with them
 * @throws ApiError 404 for a version that is gone, 400 for two skills of one name
 */
export async function checkSkills(records: Stores, skills: readonly AgentSkill[], where: string): Promise<void> {
  const found = await records.skills.versions.getMany(skills.map(({ version }) => version))
  const names = new Map(found.filter(({ isDeleted }) => !isDeleted).map(({ version: { id, name } }) => [id, name]))
  const named = new Map<string, string>()
  for (const [index, { skill_id, version }] of skills.entries()) {
    const place = `${where}.${index}: `
    const name = names.get(version)
    if (name === undefined) throw absent(`${place}version`, `${version} of skill ${skill_id}`)
    const other = named.get(name)
    if (other) throw invalidRequest(`${place}skill ${skill_id} has the name "${name}", as skill ${other} has`)
    named.set(name, skill_id)
  }
}

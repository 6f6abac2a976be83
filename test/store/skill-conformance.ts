import { describe, expect, it } from 'vitest'
import { type Records, SkillGone } from '../../store/records.ts'
import { aConfiguration, aSession, aSkill, aSkillVersion, second } from './samples.ts'

/**
 * What every implementation of Records does about skills.
 * @param open gives empty records, closed when the test is over
 */
export function skillConformance(implementation: string, open: () => Promise<Records>): void {
  async function withSkill() {
    const { skills, sessions } = await open()
    const { skill, version } = aSkill()
    await skills.insert(skill, version)
    return { skills, sessions, skill, first: { ...version, number: Date.parse(second(0)), isDeleted: false } }
  }
  const configured = (skill_id: string, ...versions: string[]) => ({
    ...aConfiguration,
    skills: versions.map((version) => ({ type: 'custom' as const, skill_id, version })),
  })

  describe(`skills in ${implementation}`, () => {
    it('are found with their versions: by id, by time, the newest', async () => {
      const { skills, skill, first } = await withSkill()
      expect(await skills.get(skill.id)).toEqual(skill)
      for (const by of ['latest', { id: first.version.id }, { number: first.number }] as const) {
        expect(await skills.versions.get(skill.id, by)).toEqual(first)
      }
      expect(await skills.versions.get(skill.id, { id: 'skver_none' })).toBeUndefined()
      expect(await skills.versions.get('skill_none', { id: first.version.id })).toBeUndefined()
      expect(await skills.versions.getMany([first.version.id, 'skver_none'])).toEqual([first])
      expect(await skills.versions.getMany([])).toEqual([])
      expect(await skills.get('skill_none')).toBeUndefined()
    })

    it('are listed newest first', async () => {
      const { skills } = await open()
      const [old, young] = [aSkill(second(1)), aSkill(second(2))]
      for (const { skill, version } of [old, young]) await skills.insert(skill, version)
      expect(await skills.list({ limit: 5 })).toEqual({ rows: [young.skill, old.skill], more: false })
      const after = { createdAt: young.skill.created_at, id: young.skill.id }
      expect((await skills.list({ limit: 5, after })).rows).toEqual([old.skill])
    })

    it('have every new version behind the one before, also when the clock was set back', async () => {
      const { skills, skill, first } = await withSkill()
      const stored = await Promise.all(
        [-5, 0, 0].map((at) => skills.versions.insert(aSkillVersion(skill.id, second(at)))),
      )
      const numbers = stored.map((version) => version!.number)
      expect(numbers.toSorted()).toEqual([1, 2, 3].map((more) => first.number + more))
      const { rows } = await skills.versions.list(skill.id, { limit: 9 })
      expect(rows.map(({ number }) => number)).toEqual([...numbers.toSorted().reverse(), first.number])
      const [newest] = rows
      expect(newest!.version.created_at).toBe(new Date(newest!.number).toISOString())
      expect(await skills.get(skill.id)).toMatchObject({
        latest_version_id: newest!.version.id,
        updated_at: newest!.version.created_at,
      })
      const page = await skills.versions.list(skill.id, { limit: 2, after: newest!.number })
      expect(page).toEqual({ rows: rows.slice(1, 3), more: true })
      expect(await skills.versions.insert(aSkillVersion('skill_none'))).toBeUndefined()
    })

    it('keep their last version', async () => {
      const { skills, skill, first } = await withSkill()
      expect(await skills.versions.delete(skill.id, first.version.id, second(1))).toBe('last')
      const next = (await skills.versions.insert(aSkillVersion(skill.id)))!
      const { id } = next.version
      expect(await skills.versions.delete('skill_none', id, second(1))).toBe('absent')
      expect(await skills.versions.delete(skill.id, id, second(1))).toBe('deleted')
      expect(await skills.versions.delete(skill.id, id, second(2))).toBe('absent')
      expect(await skills.get(skill.id)).toMatchObject({ latest_version_id: first.version.id, updated_at: second(1) })
      expect(await skills.versions.get(skill.id, { id })).toBeUndefined()
      expect(await skills.versions.getMany([id])).toEqual([{ ...next, isDeleted: true }])
      // Its time is never another one's.
      expect((await skills.versions.insert(aSkillVersion(skill.id)))!.number).toBe(next.number + 1)
    })

    it('are gone at once, but for what sessions have until they end', async () => {
      const { skills, sessions, skill, first } = await withSkill()
      const next = (await skills.versions.insert(aSkillVersion(skill.id)))!
      const [archived, erased] = [aSession(), aSession()]
      await sessions.insert(archived, configured(skill.id, first.version.id))
      await sessions.insert(erased, configured(skill.id, first.version.id))
      expect(await skills.delete(skill.id, second(1))).toBe(true)
      expect(await skills.delete(skill.id, second(2))).toBe(false)
      expect(await skills.get(skill.id)).toBeUndefined()
      expect((await skills.list({ limit: 5 })).rows).toEqual([])
      expect(await skills.versions.get(skill.id, 'latest')).toBeUndefined()
      expect(await skills.versions.unneeded(5)).toEqual([{ ...next, isDeleted: true }])
      await skills.versions.forget(next.version.id)
      await sessions.update(archived.id, { archivedAt: second(3) })
      expect(await skills.versions.unneeded(5)).toEqual([])
      await sessions.delete(erased.id)
      expect(await skills.versions.unneeded(5)).toEqual([{ ...first, isDeleted: true }])
      await skills.versions.forget(first.version.id)
      expect(await skills.versions.getMany([first.version.id, next.version.id])).toEqual([])
    })

    it('are not forgotten while they are there', async () => {
      const { skills, skill, first } = await withSkill()
      expect(await skills.versions.unneeded(5)).toEqual([])
      await skills.versions.forget(first.version.id)
      expect(await skills.versions.get(skill.id, 'latest')).toEqual(first)
    })

    it('are either given to a new session, and stay, or deleted, whatever comes first', async () => {
      const { skills, sessions } = await open()
      const pairs = Array.from({ length: 20 }, () => ({ ...aSkill(), session: aSession() }))
      for (const { skill, version } of pairs) await skills.insert(skill, version)
      const outcomes = await Promise.all(
        pairs.map(async ({ skill, version: { version }, session }) => {
          const insertion = sessions.insert(session, configured(skill.id, version.id)).catch((error) => {
            if (!(error instanceof SkillGone)) throw error
            return false
          })
          await skills.delete(skill.id, second(1))
          // Asked for at once: what is not needed now is removed.
          const isUnneeded = (await skills.versions.unneeded(100)).some((found) => found.version.id === version.id)
          return [await insertion, isUnneeded]
        }),
      )
      for (const [isGiven, isUnneeded] of outcomes) expect(isGiven).toBe(!isUnneeded)
    })

    it('are given to any number of sessions at the same time', async () => {
      const { skills, sessions } = await open()
      const made = Array.from({ length: 6 }, () => aSkill())
      for (const { skill, version } of made) await skills.insert(skill, version)
      const ids = made.map(({ version }) => version.version.id)
      const created = Array.from({ length: 50 }, (_, index) =>
        sessions.insert(aSession(), configured('skill_1', ...(index % 2 ? ids : ids.toReversed()))),
      )
      expect(new Set(await Promise.all(created))).toEqual(new Set([true]))
    })

    it('are not given to a new session when they are deleted', async () => {
      const { skills, sessions, skill, first } = await withSkill()
      await skills.delete(skill.id, second(1))
      const session = aSession()
      const insertion = sessions.insert(session, configured(skill.id, first.version.id))
      await expect(insertion).rejects.toBeInstanceOf(SkillGone)
      expect(await sessions.get(session.id)).toBeUndefined()
      expect(await sessions.configuration(session.id, 1)).toBeUndefined()
    })
  })
}

import { skillsFolder } from '../../protocol/mount-path.ts'
import { oneLine } from '../../protocol/one-line.ts'
import type { SkillVersion } from '../../protocol/skills.ts'

export type KnownSkill = Pick<SkillVersion, 'name' | 'description'>

/** What the system prompt says of the agent's skills. Source: spec §20; the hosted text is not public. */
export function skillsPrompt(skills: readonly KnownSkill[]): string {
  return [
    `Skills are attached, each a read-only folder with instructions in its SKILL.md and often with scripts and other files: they are in ${skillsFolder}. When a task is one that a skill is for, read its SKILL.md with the read tool before you begin, and follow it; paths in it are relative to its folder.`,
    ...skills.map(describe),
  ].join('\n')
}

const describe = ({ name, description }: KnownSkill) => `- ${skillsFolder}/${name}/SKILL.md: ${oneLine(description)}`

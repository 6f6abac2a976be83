import { execFile } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { repositorySkills } from '../../activities/container/supervisor/repository-skills.ts'
import { skillText } from '../skills/support.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

it('skills of a repository are found beside links to what is no file, which nobody waits for', async () => {
  const repository = await temporaryFolder()
  const skills = path.join(repository, '.claude/skills')
  const pipe = path.join(repository, 'pipe')
  await promisify(execFile)('mkfifo', [pipe])
  const targets = { device: '/dev/zero', folder: '/', nowhere: '/nowhere', pipe }
  for (const [name, target] of Object.entries(targets)) {
    await mkdir(path.join(skills, name), { recursive: true })
    await symlink(target, path.join(skills, name, 'SKILL.md'))
  }
  await mkdir(path.join(skills, 'whole'))
  await writeFile(path.join(skills, 'whole/SKILL.md'), skillText('whole', 'd'))
  expect((await repositorySkills(repository)).map(({ folder }) => folder)).toEqual(['whole'])
})

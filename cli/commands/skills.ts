import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { withApi } from '../api-client.ts'
import { withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { bytes } from '../output/times.ts'
import { type DownloadFlags, downloadContent } from '../transfer/download.ts'
import { skillFiles } from '../transfer/skill-files.ts'
import { addResource, createdColumn, idColumn, type ListFlags, limited, withListFlags } from './resource.ts'

/** `holdfast skills …` */
export function skillCommands(program: Command): void {
  const group = program
    .command('skills')
    .alias('skill')
    .description('skills: instructions and files that agents read when they need them')
  addResource<Anthropic.Beta.BetaSkill>(group, {
    noun: 'skill',
    nouns: 'skills',
    columns: [
      idColumn,
      { title: 'NAME', value: ({ display_name }) => display_name, flexible: true },
      { title: 'VERSION', value: ({ latest_version_id }) => latest_version_id },
      createdColumn,
    ],
    list: (client, page) => client.beta.skills.list(page),
    retrieve: (client, id) => client.beta.skills.retrieve(id),
    delete: (client, id) => client.beta.skills.delete(id),
  })

  withJson(group.command('create <path>').description('store a skill: a folder with a SKILL.md, or a zip archive'))
    .option('--name <name>', 'what people are shown; the name in the SKILL.md otherwise')
    .action(async (path: string, flags: { name?: string; json?: boolean }) => {
      const files = await skillFiles(path)
      const params = { files, ...(flags.name !== undefined && { display_name: flags.name }) }
      const skill = await withApi(({ client }) => client.beta.skills.create(params))
      new Output(flags).changed(skill, `Created skill ${skill.id}`)
    })

  withJson(
    group
      .command('update <id> <path>')
      .description('store a new version of a skill, for agents that are saved from then on'),
  ).action(async (id: string, path: string, flags: { json?: boolean }) => {
    const files = await skillFiles(path)
    const version = await withApi(({ client }) => client.beta.skills.versions.create(id, { files }))
    new Output(flags).changed(version, `Skill ${id} has the version ${version.id}`)
  })

  withListFlags(group.command('versions <id>').description('list the versions of a skill')).action(
    (id: string, flags: ListFlags) =>
      withApi(({ client }) =>
        new Output(flags).list(
          limited(flags, (page) => client.beta.skills.versions.list(id, page)),
          [
            idColumn,
            { title: 'NAME', value: ({ name }) => name },
            { title: 'DESCRIPTION', value: ({ description }) => description, flexible: true },
            createdColumn,
          ],
          'no versions',
        ),
      ),
  )

  withJson(
    group.command('download <id> [version]').description('download a version of a skill (the newest) as a zip archive'),
  )
    .option('-o, --output <path>', 'where to; - for standard output (the name of the skill, in this folder)')
    .option('--force', 'replace a file that is there')
    .action(async (id: string, given: string | undefined, flags: DownloadFlags & { json?: boolean }) => {
      const { version, path, size } = await withApi(async ({ client }) => {
        const version = await client.beta.skills.versions.retrieve(given ?? 'latest', { skill_id: id })
        const open = () => client.beta.skills.versions.download(version.id, { skill_id: id })
        return { version, ...(await downloadContent(`${version.name}.zip`, open, flags)) }
      })
      if (path !== undefined) new Output(flags).changed({ ...version, path }, `Downloaded ${path} (${bytes(size)})`)
    })
}

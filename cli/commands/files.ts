import type { Command } from 'commander'
import { withApi } from '../api-client.ts'
import { stateRequest } from '../failure.ts'
import { parseCount, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { bytes } from '../output/times.ts'
import { downloadFile } from '../transfer/download.ts'
import { uploadFile } from '../transfer/upload.ts'
import { createdColumn, idColumn, type ListFlags, limited, withListFlags } from './resource.ts'

/** `holdfast files …` */
export function fileCommands(program: Command): void {
  const group = program.command('files').alias('file').description('files: uploads, and what sessions leave behind')

  withListFlags(group.command('list').alias('ls').description('list files'))
    .option('--session <id>', 'those of a session: what is mounted there and what its agent left behind')
    .action((flags: ListFlags & { session?: string }) =>
      withApi(({ client }) =>
        new Output(flags).list(
          limited(flags, (page) =>
            client.beta.files.list({ ...page, ...(flags.session && { scope_id: flags.session }) }),
          ),
          [
            idColumn,
            { title: 'NAME', value: ({ filename }) => filename, flexible: true },
            {
              title: 'SIZE',
              value: ({ size_bytes }) => size_bytes,
              short: ({ size_bytes }) => bytes(size_bytes),
            },
            { title: 'TYPE', value: ({ mime_type }) => mime_type },
            createdColumn,
          ],
          'no files',
        ),
      ),
    )

  withJson(group.command('show <id>').description('show what is known of a file')).action(async (id: string, flags) => {
    new Output(flags).object(await withApi(({ client }) => client.beta.files.retrieveMetadata(id)))
  })

  withJson(group.command('upload <paths...>').description('upload files'))
    .option('--name <name>', 'another name than that of the file')
    .option('--type <media-type>', 'such as text/csv; by the ending of the name otherwise')
    .option('--expires <seconds>', 'how long it is kept; for ever otherwise', parseCount)
    .action(async (paths: string[], flags: { name?: string; type?: string; expires?: number; json?: boolean }) => {
      const output = new Output(flags)
      for (const path of paths) {
        const file = await uploadFile(path, flags)
        output.changed(file, `Uploaded ${path} as ${file.id} (${bytes(file.size_bytes)})`)
      }
    })

  withJson(group.command('download <id>').description('download a file'))
    .option('-o, --output <path>', 'where to; - for standard output (the name of the file, in this folder)')
    .option('--force', 'replace a file that is there')
    .action(async (id: string, flags: { output?: string; force?: boolean; json?: boolean }) => {
      const { path, file } = await downloadFile(id, flags)
      if (path !== undefined)
        new Output(flags).changed({ ...file, path }, `Downloaded ${path} (${bytes(file.size_bytes)})`)
    })

  withJson(group.command('delete <ids...>').description('delete files for good')).action(
    async (ids: string[], flags) => {
      const output = new Output(flags)
      for (const id of ids) {
        const deleted = await withApi(({ client }) => stateRequest(client.beta.files.delete(id)))
        output.changed(deleted, `Deleted file ${id}`)
      }
    },
  )
}

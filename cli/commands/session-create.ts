import path from 'node:path'
import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { once, withApi } from '../api-client.ts'
import { exitCodes } from '../exit-codes.ts'
import { usageError } from '../failure.ts'
import { showSession } from '../follow/show.ts'
import { Answer } from '../follow/sinks.ts'
import { beginning } from '../follow/stream.ts'
import { collect, collectPair, defined, givenObject, givenText, parseBudget, withFrom, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { uploadFile } from '../transfer/upload.ts'
import { liveSink, withFollowFlags } from './session-events.ts'

interface CreateFlags {
  from?: string
  json?: boolean
  agent?: string
  environment?: string
  title?: string
  file?: string[]
  memoryStore?: string[]
  vault?: string[]
  metadata?: Record<string, string>
  budget?: ReturnType<typeof parseBudget>
  message?: string
  follow?: boolean
  wait?: boolean
}

/** `holdfast sessions create` */
export function sessionCreateCommand(group: Command): void {
  withFollowFlags(withFrom(withJson(group.command('create').description('create a session'))))
    .option('--agent <id>')
    .option('--environment <id>')
    .option('--title <title>')
    .option(
      '--file <file:mount>',
      'a local file (it is uploaded) or the id of one, and its path there; repeatable',
      collect,
    )
    .option('--memory-store <id>', 'attach a memory store; ID:read_only for reading alone; repeatable', collect)
    .option('--vault <id>', 'credentials that it may use; repeatable', collect)
    .option('--budget <dollars>', 'stop when its list cost has reached this', parseBudget)
    .option('--metadata <key=value>', 'may be repeated', collectPair)
    .option('-m, --message <text>', 'the first message; - reads standard input, @FILE a file')
    .action(async (flags: CreateFlags) => {
      if ((flags.follow || flags.wait) && flags.message === undefined && flags.from === undefined)
        throw usageError('--follow and --wait need a --message')
      const session = await created(flags)
      process.exitCode = await withApi(async (api) => {
        const output = new Output(flags)
        if (flags.wait)
          return showSession(api, session.id, new Answer(session.id, flags), { after: beginning, untilIdle: true })
        output.changed(session, `Created session ${session.id}`)
        if (!flags.follow) return exitCodes.ok
        return showSession(api, session.id, liveSink(session.id, flags), { after: beginning, untilIdle: true })
      })
    })
}

/** Creates the session. What was uploaded for one that cannot be had is deleted. */
async function created(flags: CreateFlags): Promise<Anthropic.Beta.Sessions.BetaManagedAgentsSession> {
  const uploads: string[] = []
  try {
    const params = (await createParams(flags, uploads)) as unknown as Anthropic.Beta.SessionCreateParams
    return await withApi(({ client }) => client.beta.sessions.create(params, once()))
  } catch (error) {
    // Also when nobody knows whether it was created: a session has copies of its own.
    for (const id of uploads) await discard(id)
    throw error
  }
}

async function discard(fileId: string): Promise<void> {
  try {
    await withApi(({ client }) => client.beta.files.delete(fileId))
  } catch {
    process.stderr.write(`holdfast: ${fileId}, which was uploaded, is left: holdfast files delete ${fileId}\n`)
  }
}

/** @param uploads gets the ids of what is uploaded, as soon as it is */
async function createParams(flags: CreateFlags, uploads: string[]): Promise<Record<string, unknown>> {
  const from = await givenObject(flags.from)
  // Before a file is uploaded in vain.
  if (!flags.agent && !from.agent) throw usageError('--agent is missing: see holdfast agents list')
  if (!flags.environment && !from.environment_id)
    throw usageError('--environment is missing: see holdfast environments list')
  const message = flags.message === undefined ? undefined : await givenText(flags.message)
  const resources = [
    ...((from.resources as unknown[] | undefined) ?? []),
    ...(flags.memoryStore ?? []).map(memoryStore),
    ...(await filesOf(flags.file ?? [], uploads)),
  ]
  return {
    ...from,
    ...defined({
      agent: flags.agent,
      environment_id: flags.environment,
      title: flags.title,
      vault_ids: flags.vault,
      metadata: flags.metadata,
      budget: flags.budget,
      initial_events:
        message === undefined ? undefined : [{ type: 'user.message', content: [{ type: 'text', text: message }] }],
    }),
    ...(resources.length > 0 && { resources }),
  }
}

/** `FILE:MOUNT`: the last colon that a slash follows parts them, so that a file's name may have some. */
async function filesOf(given: string[], uploads: string[]): Promise<object[]> {
  const parsed = given.map((text) => {
    const at = text.lastIndexOf(':/')
    const [file, mount] = at < 1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
    return { file, mount_path: mount ?? (file.startsWith('file_') ? undefined : `/workspace/${path.basename(file)}`) }
  })
  const resources = []
  for (const { file, mount_path } of parsed) {
    const isHere = !file.startsWith('file_')
    const file_id = isHere ? (await uploadFile(file)).id : file
    if (isHere) uploads.push(file_id)
    resources.push(defined({ type: 'file', file_id, mount_path }))
  }
  return resources
}

function memoryStore(text: string): object {
  const [memory_store_id, access] = text.split(':')
  return defined({ type: 'memory_store', memory_store_id, access })
}

import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { type ApiClient, once, withApi } from '../api-client.ts'
import { type ExitCode, exitCodes } from '../exit-codes.ts'
import { usageError } from '../failure.ts'
import { sendAndShow, showSession } from '../follow/show.ts'
import { Answer, JsonLines, People, type Sink } from '../follow/sinks.ts'
import { beginning } from '../follow/stream.ts'
import { collect, givenText, parseCount, parsePlace, withJson } from '../options.ts'
import { Output } from '../output/output.ts'
import { SessionPrinter } from '../output/session-printer.ts'

export interface SendFlags {
  json?: boolean
  follow?: boolean
  wait?: boolean
}

type EventParams = Anthropic.Beta.Sessions.EventSendParams['events'][number]

/** `holdfast sessions send|tail|events|interrupt` */
export function sessionEventCommands(group: Command): void {
  withFollowFlags(withJson(group.command('send <id> <text>')))
    .description('send a message; - reads standard input, @FILE a file')
    .action(async (id: string, text: string, flags: SendFlags) => {
      const message: EventParams = { type: 'user.message', content: [{ type: 'text', text: await givenText(text) }] }
      process.exitCode = await withApi((api) => sendEvents(api, id, [message], flags, `Sent to ${id}`))
    })

  withJson(group.command('interrupt <id>').description('stop what a session is doing; it ends idle')).action(
    async (id: string, flags: SendFlags) => {
      process.exitCode = await withApi((api) =>
        sendEvents(api, id, [{ type: 'user.interrupt' }], flags, `Interrupted ${id}`),
      )
    },
  )

  withJson(group.command('tail <id>').description('show what happened in a session, then what happens'))
    .option('--after <cursor>', 'only what is behind this place, as `tail` prints it when it ends', parsePlace)
    .option('--new', 'only what happens from now on')
    .option('--until-idle', 'stop when the session has nothing to do')
    .option('--reconnect <seconds>', 'how long to wait for a server that went away', parseCount, 600)
    .action(async (id: string, flags: TailFlags) => {
      if (flags.new && flags.after !== undefined) throw usageError('--new and --after exclude each other')
      const after = flags.after ?? (flags.new ? undefined : beginning)
      process.exitCode = await withApi((api) =>
        showSession(api, id, liveSink(id, flags), {
          ...(after !== undefined && { after }),
          patienceMs: flags.reconnect * 1000,
          untilIdle: flags.untilIdle === true,
        }),
      )
    })

  withJson(group.command('events <id>').description('print the events of a session'))
    .option('-n, --limit <count>', 'how many at most', parseCount)
    .option('--type <type>', 'only those of a type, such as agent.message; repeatable', collect)
    .option('--newest-first', 'in the opposite order')
    .action((id: string, flags: EventsFlags) => withApi((api) => printEvents(api, id, flags)))
}

interface TailFlags {
  json?: boolean
  after?: string
  new?: boolean
  untilIdle?: boolean
  reconnect: number
}

interface EventsFlags {
  json?: boolean
  limit?: number
  type?: string[]
  newestFirst?: boolean
}

export const withFollowFlags = (command: Command): Command =>
  command
    .option('-f, --follow', 'show what happens until the session has nothing to do')
    .option('--wait', "wait for that, and print the agent's last message alone")

export const liveSink = (sessionId: string, { json = false }: { json?: boolean }): Sink =>
  json ? new JsonLines() : new People(sessionId)

/** Sends events, and follows what comes of them as the flags say. */
export async function sendEvents(
  api: ApiClient,
  sessionId: string,
  events: EventParams[],
  flags: SendFlags,
  sentence: string,
): Promise<ExitCode> {
  const key = once()
  const send = async () => {
    const { data = [] } = await api.client.beta.sessions.events.send(sessionId, { events }, key)
    return data
  }
  const ids = async () => (await send()).map(({ id }) => id)
  if (flags.wait) return sendAndShow(api, sessionId, new Answer(sessionId, flags), ids)
  if (flags.follow) return sendAndShow(api, sessionId, liveSink(sessionId, flags), ids)
  const output = new Output(flags)
  for (const event of await send()) output.changed(event, sentence)
  return exitCodes.ok
}

async function printEvents({ client }: ApiClient, id: string, flags: EventsFlags): Promise<void> {
  const { limit = Number.POSITIVE_INFINITY, json } = flags
  const events = client.beta.sessions.events.list(id, {
    // People are not shown every kind: what they are is somewhere among these.
    limit: Math.min(json ? limit : 4 * limit, 1000),
    ...(flags.type && { types: flags.type as never }),
    ...(flags.newestFirst && { order: 'desc' }),
  })
  const output = new Output(flags)
  const printer = new SessionPrinter()
  let shown = 0
  for await (const event of events) {
    if (json) output.line(JSON.stringify(event))
    else if (!printer.show(event as never)) continue
    if (++shown >= limit) return
  }
}

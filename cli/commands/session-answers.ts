import type Anthropic from '@anthropic-ai/sdk'
import type { Command } from 'commander'
import { withApi } from '../api-client.ts'
import { exitCodes } from '../exit-codes.ts'
import { Failure, usageError } from '../failure.ts'
import { givenText, withJson } from '../options.ts'
import { type SendFlags, sendEvents, withFollowFlags } from './session-events.ts'

interface AnswerFlags extends SendFlags {
  all?: boolean
  message?: string
}

/** `holdfast sessions allow|deny|result`: the answers that a session waits for. */
export function sessionAnswerCommands(group: Command): void {
  for (const result of ['allow', 'deny'] as const) {
    const command = withFollowFlags(withJson(group.command(`${result} <id> [tool-use-ids...]`)))
      .description(`${result} tool calls that a session waits with`)
      .option('--all', 'all that it waits with')
    if (result === 'deny') command.option('--message <text>', 'what the agent is told')
    command.action(async (id: string, given: string[], flags: AnswerFlags) => {
      if (flags.all ? given.length > 0 : given.length === 0)
        throw usageError('give the ids of tool uses (`holdfast sessions tail` shows them), or --all')
      process.exitCode = await withApi(async (api) => {
        const ids = flags.all ? await waitingCalls(api.client, id) : given
        const events = ids.map((tool_use_id) => ({
          type: 'user.tool_confirmation' as const,
          tool_use_id,
          result,
          ...(flags.message !== undefined && { deny_message: flags.message }),
        }))
        return sendEvents(api, id, events, flags, result === 'allow' ? 'Allowed' : 'Denied')
      })
    })
  }

  withFollowFlags(withJson(group.command('result <id> <tool-use-id> <text>')))
    .description('give the result of a custom tool; - reads standard input, @FILE a file')
    .option('--error', 'the tool failed')
    .action(async (id: string, toolUseId: string, text: string, flags: SendFlags & { error?: boolean }) => {
      const event = {
        type: 'user.custom_tool_result' as const,
        custom_tool_use_id: toolUseId,
        content: [{ type: 'text' as const, text: await givenText(text) }],
        ...(flags.error && { is_error: true }),
      }
      process.exitCode = await withApi((api) => sendEvents(api, id, [event], flags, 'Answered'))
    })
}

/** The calls that wait for a confirmation; custom tools wait for results, which nobody can give for all at once. */
async function waitingCalls(client: Anthropic, sessionId: string): Promise<string[]> {
  const { status } = await client.beta.sessions.retrieve(sessionId)
  const order = 'desc' as const
  const { data } = await client.beta.sessions.events.list(sessionId, {
    types: ['session.status_idle'],
    order,
    limit: 1,
  })
  const idle = data[0]
  const ids =
    status === 'idle' && idle?.type === 'session.status_idle' && idle.stop_reason.type === 'requires_action'
      ? new Set(idle.stop_reason.event_ids)
      : new Set<string>()
  const types = ['agent.tool_use' as const, 'agent.mcp_tool_use' as const]
  const used =
    ids.size > 0 ? await client.beta.sessions.events.list(sessionId, { types, order, limit: 1000 }) : undefined
  const calls = (used?.data ?? []).flatMap((event) => ('id' in event && ids.has(event.id) ? [event.id] : [])).reverse()
  if (calls.length === 0) throw new Failure(`session ${sessionId} waits for no confirmation`, exitCodes.conflict)
  return calls
}

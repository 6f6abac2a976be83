import type { SessionLogs } from '../log/session-logs.ts'
import type { TranscriptMessage } from '../log/transcript.ts'
import type { CompactInput, Compaction } from '../protocol/contract.ts'
import { costOf, type Prices, priceOf } from '../protocol/prices.ts'
import type { StepUsage } from '../protocol/usage.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'
import { stoppable } from './cancellation.ts'
import { withFiles } from './content-files.ts'
import type { McpServers } from './mcp/servers.ts'
import { asFailure, permanent } from './model/failed-activity.ts'
import { type ModelProvider, ModelRequestFailed, type ModelResponse } from './model/provider.ts'
import { shortened } from './model/shortened.ts'
import { surroundingsOf } from './model/surroundings.ts'
import { systemPrompt } from './model/system-prompt.ts'
import { toolsFor } from './model/tool-definitions.ts'
import { sessionOf } from './session-of.ts'
import { promptPlace, type Transcripts } from './transcripts.ts'
import type { WebTools } from './web/web-tools.ts'

export interface CompactDependencies {
  logs: SessionLogs
  records: Records
  blobs: Blobs
  model: ModelProvider
  transcripts: Transcripts
  mcp: McpServers
  web: WebTools
  prices?: Prices
}

const instruction = [
  'The conversation is about to reach the limit of what you can read at once. Everything up to here will be replaced by a',
  'summary that you write now; afterwards you go on with nothing else in view. Use no tools. Write down what you will',
  'need, precisely and completely:',
  '1. Every request and instruction of the user, the newest ones word by word, and what came of each.',
  '2. What has been done: files and their paths, commands that matter, decisions with their reasons, results with their numbers.',
  '3. Where the work stands: what the last tool calls returned, what is open, what is to be done next.',
  '4. Mistakes that were made, and what the user said about them.',
  'Answer with the summary alone.',
].join('\n')

const introduction =
  'The earlier part of this conversation was too long to be kept. This is the summary that you wrote of it; go on from there.'

/** Longest texts of the prompt when it does not fit: what is longer loses its middle. Characters. */
const lengths = [Number.POSITIVE_INFINITY, 8000, 1000]

/**
 * The activity `compact`: has the model write the summary that takes the place of the conversation so far. Messages that
 * have no reply yet are left as they are.
 */
export function makeCompact({ logs, records, blobs, model, transcripts, mcp, web, prices }: CompactDependencies) {
  return async function compact(input: CompactInput): Promise<Compaction> {
    const sessionId = sessionOf()
    const place = promptPlace(input)
    return stoppable(logs, sessionId, async (signal) => {
      const [agent, session] = await Promise.all([
        records.sessions.configuration(sessionId, input.revision),
        records.sessions.get(sessionId),
      ])
      if (!agent || !session) throw asFailure(permanent(`session ${sessionId} has no configuration ${input.revision}`))
      const price = priceOf(agent.model.id, prices)
      const costed = (usage: StepUsage) => ({ usage, ...(price && { cost: costOf(price, usage) }) })
      let usage: StepUsage | undefined
      try {
        const { messages, oldest } = await transcripts.toCompact(sessionId, place, signal)
        const { revision } = input
        const mcpTools = await mcp.catalog({ session, agent, revision }, { retry: false, signal })
        const request = {
          model: agent.model.id,
          effort: agent.model.effort.type,
          speed: agent.model.speed,
          system: systemPrompt(agent, await surroundingsOf(session, agent, records)),
          tools: toolsFor(agent, { mcp: mcpTools, outside: web.names }),
          messages: await withFiles(asked(messages), { records, blobs }),
        }
        const onUsage = (known: StepUsage) => {
          usage = known
        }
        const response = await fitting((length) =>
          model.request({ ...request, messages: shortened(request.messages, length) }, { signal, onUsage }),
        )
        return {
          model: response.model,
          summary: `${introduction}\n\n<summary>\n${summaryOf(response)}\n</summary>`,
          ...costed(response.usage),
          transcriptFrom: oldest ?? input.run,
        }
      } catch (error) {
        throw asFailure(signal.aborted && usage ? stopped() : error, usage && costed(usage))
      }
    })
  }
}

/** What an interrupt cut off is a failure like others: only so is what it had cost known to the workflow. */
const stopped = () =>
  new ModelRequestFailed({ error: 'unknown_error', message: 'the request was interrupted', transient: true })

/** @throws ModelRequestFailed when there is nothing but unanswered messages, which no summary can shorten */
function asked(messages: TranscriptMessage[]): TranscriptMessage[] {
  const wish = { type: 'text', text: instruction }
  const last = messages.at(-1)
  if (!last) {
    const message = 'the message is longer than the model can read'
    throw new ModelRequestFailed({ error: 'model_request_failed_error', message, transient: false, refused: true })
  }
  if (last.role === 'user') return [...messages.slice(0, -1), { role: 'user', content: [...last.content, wish] }]
  return [...messages, { role: 'user', content: [wish] }]
}

/** The first attempt that fits into the model's window. */
async function fitting(request: (length: number) => Promise<ModelResponse>): Promise<ModelResponse> {
  for (const length of lengths.slice(0, -1)) {
    try {
      return await request(length)
    } catch (error) {
      if (!(error instanceof ModelRequestFailed && error.failure.tooLong)) throw error
    }
  }
  return request(lengths.at(-1)!)
}

const isToolUse = ({ type }: { type: string }) => type === 'tool_use'

/**
 * Nothing else is left of the conversation: what announces a call, or refuses, is no summary; one that reached the token
 * limit is better than none. That tools are not to be used is only said: with another `tool_choice` the prompt cache has
 * none of the messages.
 * @throws ModelRequestFailed when the reply is none
 */
function summaryOf({ content, stop_reason }: ModelResponse): string {
  const text = content
    .filter((block) => block.type === 'text')
    .map((block) => String(block.text))
    .join('\n')
    .trim()
  const isSummary = ['end_turn', 'max_tokens'].includes(stop_reason ?? '') && !content.some(isToolUse)
  if (isSummary && text !== '') return text
  throw new ModelRequestFailed({
    error: 'model_request_failed_error',
    message: `the model wrote no summary of the conversation (stop_reason ${stop_reason})`,
    transient: true,
  })
}

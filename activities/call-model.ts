import type { Bus } from '../log/bus.ts'
import type { SessionLogs } from '../log/session-logs.ts'
import type { CallModelInput, ModelStep } from '../protocol/contract.ts'
import { costOf, type Prices, priceOf } from '../protocol/prices.ts'
import type { StepUsage } from '../protocol/usage.ts'
import type { Blobs } from '../store/blobs.ts'
import { stoppable } from './cancellation.ts'
import { type AheadDependencies, ContainerAhead } from './container-ahead.ts'
import { withFiles } from './content-files.ts'
import type { McpServers } from './mcp/servers.ts'
import { asFailure, permanent } from './model/failed-activity.ts'
import type { ModelProvider } from './model/provider.ts'
import { surroundingsOf } from './model/surroundings.ts'
import { systemPrompt } from './model/system-prompt.ts'
import { toolsFor } from './model/tool-definitions.ts'
import { judgeTools } from './model/tool-notes.ts'
import { isNearWindow } from './model/window.ts'
import { captureAtEnd } from './outputs/capture-at-end.ts'
import type { SessionOutputs } from './outputs/session-outputs.ts'
import { Previews } from './previews.ts'
import { sessionOf } from './session-of.ts'
import { promptPlace, type Transcripts } from './transcripts.ts'
import type { WebTools } from './web/web-tools.ts'

export interface CallModelDependencies extends AheadDependencies {
  logs: SessionLogs
  blobs: Blobs
  bus: Bus
  model: ModelProvider
  transcripts: Transcripts
  mcp: McpServers
  web: WebTools
  /** Beside the list prices, or in their place. */
  prices?: Prices
  /** Prompt and reply of this many tokens bring on a compaction. @default what the model's window allows */
  compactAtTokens?: number
  outputs: SessionOutputs
}

const noTokens: StepUsage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
}

/** The activity `callModel`: one model request, its prompt built from the session's own log. */
export function makeCallModel(dependencies: CallModelDependencies) {
  const { logs, records, blobs, bus, model, outputs, transcripts, mcp, web, prices, compactAtTokens, host } =
    dependencies
  return async function callModel(input: CallModelInput): Promise<ModelStep> {
    const sessionId = sessionOf()
    const place = promptPlace(input)
    const atEnd = () => captureAtEnd(outputs, { sessionId, host, bound: input.host })
    return stoppable(logs, sessionId, async (signal) => {
      let usage: StepUsage | undefined
      let ahead: ContainerAhead | undefined
      let cost = (_usage: StepUsage): { cost?: number } => ({})
      try {
        const [agent, session] = await Promise.all([
          records.sessions.configuration(sessionId, input.revision),
          records.sessions.get(sessionId),
        ])
        if (!agent || !session) throw permanent(`session ${sessionId} has no configuration ${input.revision}`)
        const price = priceOf(agent.model.id, prices)
        if (price) cost = (spent) => ({ cost: costOf(price, spent) })
        const { revision, begins: retry = false } = input
        const mcpTools = await mcp.catalog({ session, agent, revision }, { retry, signal })
        // Last: it also sees to it that nobody else has done this step meanwhile.
        const messages = await transcripts.messages(sessionId, place, signal)
        const start = new ContainerAhead(dependencies, { session, agent, revision, bound: input.host, signal })
        ahead = start
        const previews = new Previews(bus, sessionId, place.activityId)
        const response = await model.request(
          {
            model: agent.model.id,
            effort: agent.model.effort.type,
            speed: agent.model.speed,
            system: systemPrompt(agent, await surroundingsOf(session, agent, records)),
            tools: toolsFor(agent, { mcp: mcpTools, outside: web.names }),
            messages: await withFiles(messages, { records, blobs }),
          },
          {
            signal,
            onDelta(delta) {
              previews.take(delta)
              start.take(delta)
            },
            onUsage: (known) => {
              usage = known
            },
          },
        )
        const tools = judgeTools(agent, response.content, { mcp: mcpTools, outside: web.names, served: session.served })
        return {
          ...response,
          ...cost(response.usage),
          ...(isNearWindow(agent.model.id, response, compactAtTokens) && { nearWindow: true }),
          tools,
          ...(tools.length === 0 && (await atEnd())),
          ...(mcpTools.failures.length > 0 && { notices: mcpTools.failures }),
          ...start.bound,
          ...(tools.length > 0 && { host: input.host ?? host }),
        }
      } catch (error) {
        const end = { ...(await atEnd()), ...ahead?.bound }
        const spent = (known: StepUsage) => ({ usage: known, ...cost(known) })
        if (signal.aborted) return { ...interrupted, ...spent(usage ?? noTokens), ...end }
        throw asFailure(error, { ...end, ...(usage && spent(usage)) })
      }
    })
  }
}

/** What a request leaves that was stopped, beside the tokens it had cost. */
const interrupted = {
  model: '',
  content: [],
  stop_reason: null,
  tools: [],
  interrupted: true,
} satisfies Partial<ModelStep>

import { ApplicationFailure, activityInfo } from '@temporalio/activity'
import { ApplicationFailureCategory } from '@temporalio/common'
import type { Bus } from '../log/bus.ts'
import type { SessionLogs } from '../log/session-logs.ts'
import { type CallModelInput, MODEL_FAILURE, type ModelStep } from '../protocol/contract.ts'
import type { StepUsage } from '../protocol/usage.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'
import { stoppable } from './cancellation.ts'
import { withFiles } from './content-files.ts'
import { type ModelProvider, ModelRequestFailed } from './model/provider.ts'
import { systemPrompt } from './model/system-prompt.ts'
import { toolsFor } from './model/tool-definitions.ts'
import { judgeTools } from './model/tool-notes.ts'
import type { SessionOutputs } from './outputs/session-outputs.ts'
import { Previews } from './previews.ts'
import { sessionOf } from './session-of.ts'
import { Transcripts } from './transcripts.ts'

export interface CallModelDependencies {
  logs: SessionLogs
  records: Records
  blobs: Blobs
  bus: Bus
  model: ModelProvider
  outputs: SessionOutputs
  /** Task queue of this host's containers, offered to sessions that have none yet. */
  host: string
}

const noTokens: StepUsage = {
  input_tokens: 0,
  output_tokens: 0,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
}

/** The activity `callModel`: one model request, its prompt built from the session's own log. */
export function makeCallModel({ logs, records, blobs, bus, model, outputs, host }: CallModelDependencies) {
  const transcripts = new Transcripts(logs)

  return async function callModel(input: CallModelInput): Promise<ModelStep> {
    const sessionId = sessionOf()
    const { activityId } = activityInfo()
    // Where a turn may end: what background processes wrote since the last call is to be there when the session is idle.
    const captureAtEnd = async () => {
      if (input.host === host) await outputs.capture(sessionId)
    }
    return stoppable(logs, sessionId, async (signal) => {
      let usage = noTokens
      try {
        const [agent, session] = await Promise.all([
          records.sessions.configuration(sessionId, input.revision),
          records.sessions.get(sessionId),
        ])
        if (!agent || !session) throw permanent(`session ${sessionId} has no configuration ${input.revision}`)
        const { run, transcriptFrom } = input
        const messages = await transcripts.messages(sessionId, { run, transcriptFrom, activityId }, signal)
        const previews = new Previews(bus, sessionId, activityId)
        const response = await model.request(
          {
            model: agent.model.id,
            effort: agent.model.effort.type,
            speed: agent.model.speed,
            system: systemPrompt(agent, { resources: session.resources }),
            tools: toolsFor(agent),
            messages: await withFiles(messages, { records, blobs }),
          },
          {
            signal,
            onDelta: (delta) => previews.take(delta),
            onUsage: (known) => {
              usage = known
            },
          },
        )
        const tools = judgeTools(agent, response.content)
        if (tools.length === 0) await captureAtEnd()
        return { ...response, tools, ...(tools.length > 0 && { host: input.host ?? host }) }
      } catch (error) {
        await captureAtEnd()
        if (signal.aborted) return interrupted(usage)
        throw asFailure(error)
      }
    })
  }
}

/** What a request leaves that was stopped: nothing but the tokens it had cost. */
function interrupted(usage: StepUsage): ModelStep {
  return { model: '', content: [], stop_reason: null, usage, tools: [], interrupted: true }
}

function permanent(message: string): ModelRequestFailed {
  return new ModelRequestFailed({ error: 'unknown_error', message, transient: false })
}

function asFailure(error: unknown): unknown {
  if (!(error instanceof ModelRequestFailed)) return error
  const { failure } = error
  return ApplicationFailure.create({
    type: MODEL_FAILURE,
    message: failure.message,
    details: [failure],
    nonRetryable: true,
    // Expected, and shown on the session: no warning in the worker's log.
    category: ApplicationFailureCategory.BENIGN,
  })
}

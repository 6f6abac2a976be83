import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildRequest } from '../../activities/model/build-request.ts'
import type { RunView } from '../../log/run-view.ts'
import { Transcript } from '../../log/transcript.ts'
import { converse, listed, message, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
let asking: string
beforeAll(async () => {
  host = await startTestHost({ config: { model: { compactAtTokens: 6000 }, session: { rollOverEvents: 60 } } })
  const careful = await host.client.beta.agents.create({
    name: 'Careful',
    model: 'claude-opus-5',
    tools: [
      { type: 'agent_toolset_20260401', configs: [{ name: 'read', permission_policy: { type: 'always_ask' } }] },
      { type: 'custom', name: 'weather', description: 'The weather.', input_schema: { type: 'object' } },
    ],
  })
  asking = careful.id
})
afterAll(() => host?.remove())

/** What a session's log gives for each model request, in order: the message list as it is sent. */
async function promptsOf(sessionId: string): Promise<string[]> {
  const log = host.holdfast.runtime.logs.get(sessionId)
  const newest = await log.newest()
  const runs: RunView[] = []
  for await (const view of log.sealedFacts(0, newest.run)) runs.push(view)
  const transcript = new Transcript()
  const prompts: string[] = []
  for (const { facts, itemsOf } of [...runs, newest]) {
    for (const [index, fact] of facts.entries()) {
      if (fact.kind === 'scheduled' && fact.activity === 'callModel') prompts.push(asSent(transcript))
      transcript.apply(fact, itemsOf[index]!)
    }
  }
  return prompts
}

function asSent(transcript: Transcript): string {
  const rest = { model: 'claude-opus-5', effort: 'high', speed: 'standard', system: '', tools: [] } as const
  const { messages } = buildRequest({ ...rest, tools: [], messages: transcript.messages() }, undefined)
  return JSON.stringify(messages)
}

/** Has a session converse, then compares what the model was sent with what the log gives. */
async function compare(sessionId: string, conversation: () => Promise<unknown>): Promise<string[]> {
  const before = host.model.requests.length
  await conversation()
  const sent = host.model.requests
    .slice(before)
    .map(({ body }) => JSON.stringify(body.messages))
    // Those that ask for a summary have a wish of their own.
    .filter((messages) => !messages.includes('will be replaced by a'))
  const given = await promptsOf(sessionId)
  // A request that was stopped before it was sent left none.
  let place = 0
  for (const [index, messages] of sent.entries()) {
    place = given.indexOf(messages, place) + 1
    expect(place, `request ${index}: ${messages}`).toBeGreaterThan(0)
  }
  return sent
}

const turn = (sessionId: string, input: Parameters<typeof converse>[2], onEvent?: (event: never) => unknown) =>
  converse(host.client, sessionId, input, { ...(onEvent && { onEvent: onEvent as never }) })

describe('what the model is sent', () => {
  it('is what the log gives, over tools, failures, roll overs and compactions', async () => {
    const session = await newSession(host)
    const sent = await compare(session.id, async () => {
      await turn(session.id, '#text first\n#bash echo one\n#and\n#bash echo two\n#say {{last}}')
      await turn(session.id, '#fault 529\n#think well\n#bash exit 3\n#say again')
      await turn(session.id, '#fault 400\n#say never')
      for (let round = 0; round < 8; round++) await turn(session.id, `#bash echo ${round}\n#say {{last}}`)
      await turn(session.id, `remember the word heron\n${'many words '.repeat(2500)}`)
      for (let round = 0; round < 4; round++) await turn(session.id, `#bash echo ${round}\n#say {{last}}`)
    })
    expect(sent.length).toBeGreaterThan(25)
    expect((await host.holdfast.runtime.logs.get(session.id).newest()).run).toBeGreaterThan(3)
  })

  it('is what the log gives when messages and interrupts come while it works', async () => {
    const session = await newSession(host)
    const { events } = host.client.beta.sessions
    const settled = async () => {
      const all = await listed(host.client, session.id)
      if (all.some((event) => event.type === 'user.message' && event.processed_at === null)) return false
      return (await host.client.beta.sessions.retrieve(session.id)).status === 'idle'
    }
    await compare(session.id, async () => {
      for (const script of ['#bash sleep 60\n#say never', '#wait 60000\n#say never']) {
        const begun = script.startsWith('#bash') ? 'agent.tool_use' : 'span.model_request_start'
        await turn(session.id, script, async (event: { type: string }) => {
          if (event.type !== begun) return
          await events.send(session.id, { events: [message('#say later'), { type: 'user.interrupt' }] })
        })
        await until(settled)
      }
      await turn(session.id, '#bash sleep 0.5\n#say between', async (event: { type: string }) => {
        if (event.type === 'agent.tool_use') await events.send(session.id, { events: [message('#say and this')] })
      })
      // Too late for this turn, it is answered in the next.
      await until(settled)
      await turn(session.id, '#say last')
    })
  })

  it('is what the log gives when the client answers', async () => {
    const { client, environment } = host
    const session = await client.beta.sessions.create({ agent: asking, environment_id: environment })
    await compare(session.id, async () => {
      const read = '#tool read {"file_path":"/etc/hostname"}'
      const asked = await turn(session.id, `${read}\n#and\n#tool weather {}\n#and\n${read}\n#say {{last}}`)
      const { stop_reason } = asked.at(-1) as unknown as { stop_reason: { event_ids: string[] } }
      const [first, weather, second] = stop_reason.event_ids
      await turn(session.id, [
        {
          type: 'user.custom_tool_result',
          custom_tool_use_id: weather!,
          content: [{ type: 'text', text: 'fine' }],
        },
        { type: 'user.tool_confirmation', tool_use_id: first!, result: 'deny', deny_message: 'not this' },
      ])
      await turn(session.id, [{ type: 'user.tool_confirmation', tool_use_id: second!, result: 'allow' }])
      await turn(session.id, '#say last')
    })
  })

  it('is what the log gives when workers die', async () => {
    const session = await newSession(host)
    await compare(session.id, async () => {
      for (let round = 0; round < 4; round++) {
        await turn(session.id, `#bash echo ${round}\n#slow 20\n#long 100`, (event: { type: string }) => {
          if (event.type === ['agent.tool_use', 'span.model_request_start'][round % 2]) {
            process.kill(host.workerPids[0]!, 'SIGKILL')
          }
        })
        await turn(session.id, '#say on')
      }
    })
  })
})

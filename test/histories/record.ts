/**
 * Records what sessions of this version leave in Temporal: `node scripts/run.mjs record-histories`. Each fixture is a
 * history with the events that it shows. They are kept for ever; see docs/upgrading.md for when to record again.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { Client } from '@temporalio/client'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import packageJson from '../../package.json' with { type: 'json' }
import { converse, message, newSession } from '../support/conversation.ts'
import { startTestHost } from '../support/host.ts'
import { eventsOf, type Recorded } from './recorded.ts'

const directory = path.join(import.meta.dirname, packageJson.version)
await rm(directory, { recursive: true, force: true })
await mkdir(directory, { recursive: true })

const host = await startTestHost({
  temporal: 'own',
  config: {
    session: { rollOverEvents: 60, retryInitialMs: 60_000, retryMaximumMs: 60_000 },
    model: { compactAtTokens: 4000, prices: { 'claude-opus-5': { input: 0.001, output: 1e6 } } },
  },
})
const { client, agent, environment } = host
const { connection, codec, namespace } = host.holdfast.runtime
const temporal = new Client({ connection, namespace })

/** Leaves out what only says where the recording was made. */
const withoutMachine = (key: string, value: unknown) =>
  key === 'stackTrace' ? undefined : key === 'identity' ? 'recorder' : value

async function record(name: string, sessionId: string): Promise<void> {
  const history = await temporal.workflow.getHandle(sessionId).fetchHistory()
  const recorded: Recorded = {
    workflowId: sessionId,
    history: JSON.parse(historyToJSON(history), withoutMachine),
    events: await eventsOf(history, codec),
  }
  await writeFile(path.join(directory, `${name}.json.gz`), gzipSync(JSON.stringify(recorded)))
  console.log(`${name}: ${history.events?.length} history events, ${recorded.events.length} events`)
}

const idle = await newSession(host)
await converse(
  client,
  idle.id,
  '#think Well.\n#text First two at once.\n#bash echo one\n#and\n#bash echo two\n#say done',
)
await record('idle', idle.id)

const midTurn = await newSession(host)
await converse(client, midTurn.id, '#bash sleep 60\n#say never', { until: ({ type }) => type === 'agent.tool_use' })
await client.beta.sessions.events.send(midTurn.id, { events: [message('meanwhile')] })
await record('mid-turn', midTurn.id)
await converse(client, midTurn.id, [{ type: 'user.interrupt' }])
await record('interrupted', midTurn.id)

const asking = await client.beta.agents.create({
  name: 'asks',
  model: 'claude-opus-5',
  tools: [
    { type: 'agent_toolset_20260401', default_config: { enabled: true, permission_policy: { type: 'always_ask' } } },
    { type: 'custom', name: 'report', description: 'Reports.', input_schema: { type: 'object', properties: {} } },
  ],
})
const confirmed = await client.beta.sessions.create({ agent: asking.id, environment_id: environment })
const asked = await converse(client, confirmed.id, '#bash echo one\n#and\n#tool report {"a":1}\n#say done')
await record('awaiting-confirmation', confirmed.id)
const used = (type: string) => asked.find((event) => event.type === type) as { id: string }
await converse(client, confirmed.id, [
  { type: 'user.tool_confirmation', tool_use_id: used('agent.tool_use').id, result: 'deny' },
  { type: 'user.custom_tool_result', custom_tool_use_id: used('agent.custom_tool_use').id },
])
await record('answered', confirmed.id)

const rescheduling = await newSession(host)
await converse(client, rescheduling.id, '#fault 529\n#say never', {
  until: ({ type }) => type === 'session.status_rescheduled',
})
await record('rescheduling', rescheduling.id)

const rolledOver = await newSession(host)
for (let turn = 0; turn < 6; turn++) await converse(client, rolledOver.id, `#bash echo ${turn}\n#say done`)
await record('after-roll-over', rolledOver.id)

const compacted = await newSession(host)
await converse(client, compacted.id, `long\n${'word '.repeat(4000)}`)
await converse(client, compacted.id, '#say short')
await record('compacted', compacted.id)

const budget = { type: 'limit' as const, max_list_cost: { amount: '100', currency: 'USD' as const } }
const capped = await client.beta.sessions.create({ agent, environment_id: environment, budget })
await converse(client, capped.id, '#bash echo one\n#say done')
await record('capped', capped.id)
await client.beta.sessions.update(capped.id, { budget: null, title: 'uncapped' })

const archived = await newSession(host)
await client.beta.sessions.update(archived.id, { title: 'new', metadata: { a: 'b' } })
await converse(client, archived.id, '#refuse')
await client.beta.sessions.archive(archived.id)
await temporal.workflow.getHandle(archived.id).result()
await record('archived', archived.id)

await host.remove()

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { styleText } from 'node:util'
import Anthropic, { toFile } from '@anthropic-ai/sdk'
import { startScriptedModel } from '../testing/scripted-model/server.ts'
import { loadConfig } from '../worker/config/load-config.ts'
import { freePort } from '../worker/temporal-server/free-port.ts'
import { startLocalHost } from './local-host.ts'
import { SessionPrinter } from './output/session-printer.ts'

const csv = [
  'city,country,population',
  'Oslo,Norway,717710',
  'Bergen,Norway,291940',
  'Rome,Italy,2748109',
  'Milan,Italy,1354196',
  '',
].join('\n')
const task = "Read the data.csv file at /workspace/data.csv and give me a summary of what's in it."
const followUp = 'Without reading the file again: what did you find in it?'

export interface DemoOptions {
  /** Leave everything running until Ctrl-C, to look around. @default false */
  keep?: boolean
}

/**
 * The main job, shown: a file goes in, an agent works on it, its worker process is killed in the middle of a tool call,
 * and the session goes on; a second message proves that it remembers. Runs on a data folder of its own that goes with it.
 * @returns the exit code
 */
export async function demo({ keep = false }: DemoOptions): Promise<number> {
  const title = (text: string) => console.log(styleText('bold', `\n${text}`))
  const say = (text: string) => console.log(styleText('dim', `  ${text}`))
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'holdfast-demo-'))
  const real = Boolean(process.env.ANTHROPIC_API_KEY || process.env.ANTHROPIC_AUTH_TOKEN)
  const scripted = real ? undefined : await startScriptedModel()
  const env = scripted
    ? { ...process.env, ANTHROPIC_API_KEY: 'scripted', ANTHROPIC_BASE_URL: scripted.url }
    : process.env

  title('Holdfast: a session that cannot be lost')
  say(
    real
      ? 'with the model that ANTHROPIC_API_KEY gives access to'
      : 'without ANTHROPIC_API_KEY: a scripted model stands in, everything else is real',
  )
  say('starting Temporal, a worker and the HTTP API …')
  const port = await freePort()
  const config = await loadConfig({ env, overrides: { data: dataDir, server: { port } } })
  const host = await startLocalHost(config, { log: (line) => say(line), env })
  try {
    const client = new Anthropic({ apiKey: 'none', authToken: null, baseURL: host.url })
    say(`listening on ${host.url}`)

    title('1. An agent, an environment, a file, a session')
    const model = process.env.HOLDFAST_DEMO_MODEL ?? 'claude-opus-5'
    const file = await client.beta.files.upload({
      file: await toFile(Buffer.from(csv), 'data.csv', { type: 'text/csv' }),
    })
    const agent = await client.beta.agents.create({
      name: 'Analyst',
      model,
      tools: [{ type: 'agent_toolset_20260401' }],
    })
    const environment = await client.beta.environments.create({ name: 'demo' })
    const session = await client.beta.sessions.create({
      agent: agent.id,
      environment_id: environment.id,
      resources: [{ type: 'file', file_id: file.id, mount_path: '/workspace/data.csv' }],
    })
    say(`session ${session.id} is ${session.status}, /workspace/data.csv is mounted`)

    title('2. A task; its worker process is killed with SIGKILL in the middle of a tool call')
    let killed = false
    const kill = () => {
      const [pid] = host.workerPids
      if (killed || pid === undefined) return
      killed = true
      process.kill(pid, 'SIGKILL')
      console.log(styleText(['red', 'bold'], `  ✖ kill -9 ${pid} (the worker)`))
    }
    // In the middle of the second call, which is the long one of the script; a real model may make only one.
    let calls = 0
    const answered = await turn(client, session.id, task, (type) => {
      if (type === 'agent.tool_use' && ++calls === (scripted ? 2 : 1)) setTimeout(kill, scripted ? 1000 : 50)
    })

    title('3. A second message: the session remembers')
    const remembered = await turn(client, session.id, followUp)

    title('4. What it cost, and the archive')
    const { usage } = await client.beta.sessions.retrieve(session.id)
    const { input_tokens, cache_read_input_tokens, output_tokens } = usage
    const written = usage.cache_creation?.ephemeral_5m_input_tokens
    say(
      `tokens: ${input_tokens} in, ${cache_read_input_tokens} from the cache, ${written} into it, ${output_tokens} out`,
    )
    const archived = await client.beta.sessions.archive(session.id)
    const events = []
    for await (const event of client.beta.sessions.events.list(session.id)) events.push(event)
    say(`archived: ${archived.status}, its ${events.length} events stay readable`)
    const { uiUrl, namespace } = host.temporal
    if (uiUrl)
      say(
        `its workflow in the Temporal UI (${keep ? 'now' : 'while it runs: npm run demo -- --keep'}): ${uiUrl}/namespaces/${namespace}/workflows/${session.id}`,
      )

    if (keep) {
      say('everything keeps running until Ctrl-C')
      await once(process, 'SIGINT')
    }
    const ok = killed && answered && remembered
    console.log(
      ok ? styleText('green', '\n✔ nothing was lost') : styleText('red', '\n✖ the demo did not go as it should'),
    )
    return ok ? 0 : 1
  } finally {
    await host.stop()
    await scripted?.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** One turn, printed as it happens. True when it ended by itself with an answer. */
async function turn(
  client: Anthropic,
  sessionId: string,
  text: string,
  onEvent?: (type: string) => void,
): Promise<boolean> {
  const stream = await client.beta.sessions.events.stream(sessionId, { event_deltas: ['agent.message'] })
  await client.beta.sessions.events.send(sessionId, {
    events: [{ type: 'user.message', content: [{ type: 'text', text }] }],
  })
  const printer = new SessionPrinter()
  for await (const event of stream) {
    printer.show(event)
    onEvent?.(event.type)
    if (event.type === 'session.status_terminated') return false
    if (event.type === 'session.status_idle') return event.stop_reason.type === 'end_turn' && printer.saidSomething
  }
  return false
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ScriptedModel, startScriptedModel } from '../../testing/scripted-model/server.ts'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { lastText, listed, message, typesOf } from '../support/conversation.ts'

const holdfast = fileURLToPath(new URL('../../bin/holdfast', import.meta.url))
let folder: string
let model: ScriptedModel
let port: number
let running: ChildProcess | undefined

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-dev-'))
  await chmod(folder, 0o711)
  model = await startScriptedModel()
  port = await freePort()
})
afterAll(async () => {
  if (running && running.exitCode === null) {
    running.kill('SIGTERM')
    await once(running, 'exit')
  }
  await model.close()
  await rm(folder, { recursive: true, force: true })
})

/** The command, as a user types it, until it says that it listens. */
async function dev(): Promise<void> {
  const env = { ...process.env, ANTHROPIC_API_KEY: 'scripted', ANTHROPIC_BASE_URL: model.url }
  running = spawn(process.execPath, [holdfast, 'dev', '--port', String(port), '--data', 'data'], { cwd: folder, env })
  let said = ''
  running.stderr!.on('data', (chunk) => {
    said += chunk
  })
  await new Promise<void>((resolve, reject) => {
    running!.once('exit', () => reject(new Error(`dev ended: ${said}`)))
    running!.stdout!.on('data', (chunk) => {
      if (String(chunk).includes('listening on')) resolve()
    })
  })
}

/** Every process that belongs to the data folder: the command, what it started, and what that started. */
async function all(): Promise<number[]> {
  const keeper = Number(await readFile(path.join(folder, 'data', 'keeper.pid'), 'utf8'))
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    const stat = /^\d+$/.test(name) && (await readFile(`/proc/${name}/stat`, 'utf8').catch(() => ''))
    if (stat) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]))
  }
  const found = new Set([running!.pid!, keeper])
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid)
  }
  return [...found]
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went with one that was killed before it.
  }
}

describe('every process killed at once, in the middle of a tool call', () => {
  it('the same command goes on: the call is reported as of unknown outcome, not run again, and the session answers', {
    timeout: 90_000,
  }, async () => {
    await dev()
    const client = new Anthropic({ apiKey: 'none', baseURL: `http://127.0.0.1:${port}`, maxRetries: 0 })
    const agent = await client.beta.agents.create({
      name: 'a',
      model: 'claude-opus-5',
      tools: [{ type: 'agent_toolset_20260401' }],
    })
    const environment = await client.beta.environments.create({ name: 'e' })
    const session = await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })
    const script = '#bash echo begun | tee -a runs; sleep 60\n#bash cat runs\n#say {{last}}'
    await client.beta.sessions.events.send(session.id, { events: [message(script)] })
    const mark = path.join(folder, 'data', 'containers', session.id, 'workspace', 'runs')
    await expect.poll(() => readFile(mark, 'utf8').catch(() => ''), { timeout: 20_000 }).toBe('begun\n')

    // The keeper has seen the output, too: what it has not seen nobody can report.
    const ledger = path.join(folder, 'data', 'containers', session.id, 'ledger')
    const seen = async () => {
      const name = (await readdir(ledger)).find((file) => file.endsWith('.output'))
      return name === undefined ? '' : readFile(path.join(ledger, name), 'utf8')
    }
    await expect.poll(seen, { timeout: 20_000 }).toBe('begun\n')

    const exited = once(running!, 'exit')
    for (const pid of await all()) kill(pid)
    await exited
    await dev()

    await expect
      .poll(async () => typesOf(await listed(client, session.id)).at(-1), { timeout: 30_000 })
      .toBe('session.status_idle')
    const events = await listed(client, session.id)
    const results = events.filter((event) => event.type === 'agent.tool_result')
    expect(results.map((event) => event.is_error)).toEqual([true, false])
    expect(JSON.stringify(results[0]!.content)).toContain('unknown whether this call ran to its end')
    expect(JSON.stringify(results[0]!.content)).toContain('begun')
    expect(lastText(events)).toMatch(/\bbegun$/)
    expect(model.requests.filter((request) => request.refused)).toEqual([])
  })
})

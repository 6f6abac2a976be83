import { fork } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import Anthropic from '@anthropic-ai/sdk'
import type { Connection } from '@temporalio/client'
import { below } from '../chaos/processes.ts'
import { connect } from '../client/connection.ts'
import type { ReceivedRequest } from '../testing/scripted-model/server.ts'
import { type RunningHost, runningHost } from '../worker/running-host.ts'
import { freePort } from '../worker/temporal-server/free-port.ts'
import { Floor } from './floor/floor.ts'
import { messageOf } from './message-of.ts'

/** Everything that is measured, in processes of its own as `holdfast dev` runs it, and the floor beside it on the same Temporal server. */
export interface Bench {
  url: string
  /** Folder of everything that is kept. */
  data: string
  client: Anthropic
  connection: Connection
  namespace: string
  floor: Floor
  agent: string
  environment: string
  /** Pid of the process that serves the API. */
  pid: number
  workerPids(): Promise<number[]>
  /** Pids of the processes that a turn keeps busy, by what they are. */
  busyPids(): Promise<Record<'temporal' | 'workers' | 'api' | 'model', number[]>>
  /** The newest requests that the model received. */
  modelRequests(): Promise<ReceivedRequest[]>
  newSession(): Promise<string>
  stop(): Promise<void>
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** Long conversations are compacted now and then, so that their prompts stay in bounds. */
const config = 'export default { model: { compactAtTokens: 20_000 }, temporal: { embedded: { uiPort: false } } }\n'
const startMs = 60_000

export async function startBench({ profile }: { profile?: string } = {}): Promise<Bench> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-bench-'))
  await chmod(folder, 0o711)
  await writeFile(path.join(folder, 'temporal.config.ts'), config)
  const model = fork(file('../testing/scripted-model/main.ts'), ['--keep', '250'], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const { url: modelUrl } = await messageOf<{ url: string }>(model)

  const log = await open(path.join(folder, 'host.log'), 'w')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const data = path.join(folder, 'data')
  const host = fork(file('../cli/main.ts'), ['dev', '--port', String(port), '--data', data], {
    cwd: folder,
    env: {
      ...process.env,
      ANTHROPIC_API_KEY: 'scripted',
      ANTHROPIC_BASE_URL: modelUrl,
      ...(profile && profiling(profile)),
    },
    // What it says goes to a file: the table is printed here.
    stdio: ['ignore', 'ignore', log.fd, 'ipc'],
  })
  await log.close()
  const ended = once(host, 'exit')
  const { address, namespace } = (await answering(url, data, ended)).temporal
  const titled = async (test: (title: string) => boolean) =>
    (await below(host.pid!)).filter(({ title }) => test(title)).map(({ pid }) => pid)
  const workerPids = () => titled((title) => title === 'holdfast worker')
  const connection = await connect({ address })
  const floor = await Floor.start(address, folder)
  const client = new Anthropic({ apiKey: 'none', baseURL: url, maxRetries: 0 })
  const tools = [{ type: 'agent_toolset_20260401' as const }]
  const agent = await client.beta.agents.create({ name: 'bench', model: 'claude-opus-5', tools })
  const environment = await client.beta.environments.create({ name: 'bench' })
  return {
    url,
    data,
    client,
    connection,
    namespace,
    floor,
    agent: agent.id,
    environment: environment.id,
    pid: host.pid!,
    workerPids,
    busyPids: async () => ({
      temporal: await titled((title) => title.includes(' server start-dev ')),
      workers: await workerPids(),
      api: [host.pid!],
      model: [model.pid!],
    }),
    modelRequests: async () => (await fetch(`${modelUrl}/requests`)).json() as Promise<ReceivedRequest[]>,
    newSession: async () => (await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })).id,
    async stop() {
      await floor.stop()
      await connection.close()
      host.kill('SIGTERM')
      await ended
      model.disconnect()
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    },
  }
}

/** Node writes a CPU profile of each process when it ends. */
const profiling = (folder: string) => ({ NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder}` })

/** Waits until a host that was started serves. `ended` resolves when it has exited. */
export async function answering(url: string, data: string, ended: Promise<unknown>): Promise<RunningHost> {
  let over = false
  void ended.then(() => {
    over = true
  })
  for (const started = Date.now(); !over && Date.now() - started < startMs; ) {
    const answer = await fetch(`${url}/health`).catch(() => undefined)
    const running = answer?.ok && (await runningHost(data))
    if (running) return running
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the host did not start')
}

/** Waits until workers without this one are there; the supervisor's standby takes over at once. */
export async function waitForWorker(bench: Bench, dead: number): Promise<void> {
  // Worker and standby.
  for (let pids: number[] = []; pids.length < 2 || pids.includes(dead); pids = await bench.workerPids()) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  // The one that was started anew loads its code; that is not what is measured.
  await new Promise((resolve) => setTimeout(resolve, 3000))
}

/** Bytes of memory that a process holds now, and the most that it held since `forgetPeak`. */
export async function memoryOf(pid: number): Promise<{ resident: number; peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const bytes = (key: string) => 1024 * Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
  return { resident: bytes('VmRSS'), peak: bytes('VmHWM') }
}

/** Milliseconds of processor time that a process has used; 0 of one that is gone. The kernel counts in hundredths of a second. */
export async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return 10 * (Number(fields[11] ?? 0) + Number(fields[12] ?? 0))
}

/** Bytes that a process has had written to the disk; 0 of one that is gone. */
export async function writtenBy(pid: number): Promise<number> {
  const io = await readFile(`/proc/${pid}/io`, 'utf8').catch(() => '')
  return Number(/^write_bytes: (\d+)$/m.exec(io)?.[1] ?? 0)
}

export async function forgetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5')
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { status as Grpc, Server, ServerCredentials, type ServiceError, type sendUnaryData } from '@grpc/grpc-js'
import { Client, Connection } from '@temporalio/client'
import { describe, expect, it, onTestFinished } from 'vitest'
import { identify, isAlive } from '../../worker/process-identity.ts'
import { DataTooNew } from '../../worker/temporal-server/data-version.ts'
import { keepTemporalRunning } from '../../worker/temporal-server/keep-running.ts'
import { DataInUse, endLeftover, noteServer } from '../../worker/temporal-server/leftover.ts'
import { resolveBinary } from '../../worker/temporal-server/resolve-binary.ts'
import { serverArguments } from '../../worker/temporal-server/settings.ts'
import { type Stuck, untilStuck } from '../../worker/temporal-server/until-stuck.ts'
import { startTestTemporal } from '../support/temporal.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

async function ownServer(dataDir: string) {
  const server = await startTestTemporal({ dataDir })
  onTestFinished(() => server.stop())
  return server
}

async function client(address: string): Promise<Client> {
  const connection = await Connection.connect({ address })
  onTestFinished(() => connection.close())
  return new Client({ connection })
}

/** Asks for rows of the database and gives up at any moment, until `over`: a server with an old driver is stuck by then. */
async function giveUpRequests(address: string, over: AbortSignal): Promise<void> {
  const connection = await Connection.connect({ address, interceptors: [] })
  const ask = () => connection.workflowService.describeNamespace({ namespace: 'default' })
  const askAllTheTime = async () => {
    while (!over.aborted)
      await connection.withAbortSignal(AbortSignal.timeout(Math.round(Math.random() * 6)), ask).catch(() => {})
  }
  await Promise.all(Array.from({ length: 8 }, askAllTheTime))
  await connection.close()
}

type Answer = Partial<ServiceError> | 'nothing' | undefined

/**
 * Answers who asks for a namespace, or how it is, as Temporal does: with what `namespace` and `health` give, with success,
 * or not at all.
 */
async function namespaceService(namespace: () => Answer, health: () => Answer = () => undefined): Promise<string> {
  const server = new Server()
  const asIs = { requestStream: false, responseStream: false } as const
  const bytes = (value: Buffer) => value
  const handle = (answer: () => Answer) => (_: unknown, reply: sendUnaryData<Buffer>) => {
    const said = answer()
    if (said !== 'nothing') reply(said ?? null, Buffer.alloc(0))
  }
  const codec = {
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  }
  server.addService(
    {
      describeNamespace: {
        path: '/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace',
        ...asIs,
        ...codec,
      },
      check: { path: '/grpc.health.v1.Health/Check', ...asIs, ...codec },
    },
    { describeNamespace: handle(namespace), check: handle(health) },
  )
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure())
  onTestFinished(() => server.forceShutdown())
  return `127.0.0.1:${port}`
}

/** A process that does nothing until it is ended. */
function idleProcess(): ChildProcess {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

const start = { taskQueue: 'nobody', args: [] }

describe('the embedded Temporal server', () => {
  it('has every accepted workflow and signal after it was killed and started again on its data', async () => {
    const dataDir = await temporaryFolder()
    const first = await ownServer(dataDir)
    const before = await client(first.address)
    const ids = Array.from({ length: 20 }, (_, index) => `workflow-${index}`)
    await Promise.all(ids.map((workflowId) => before.workflow.start('any', { ...start, workflowId })))
    await Promise.all(ids.map((workflowId) => before.workflow.getHandle(workflowId).signal('news', workflowId)))
    process.kill(first.pid, 'SIGKILL')
    expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' })

    const after = await client((await ownServer(dataDir)).address)
    for (const workflowId of ids) {
      const { events } = await after.workflow.getHandle(workflowId).fetchHistory()
      expect(
        events!.filter(({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName === 'news'),
      ).toHaveLength(1)
    }
  })

  it('keeps closed runs for 30 days', async () => {
    const { connection } = await client((await ownServer(await temporaryFolder())).address)
    const { config } = await connection.workflowService.describeNamespace({ namespace: 'default' })
    expect(Number(config!.workflowExecutionRetentionTtl!.seconds)).toBe(30 * 24 * 3600)
  })

  it('dies with its parent, also when that is killed', { skip: process.platform !== 'linux' }, async () => {
    const program = fileURLToPath(new URL('temporal-parent.ts', import.meta.url))
    const parent = spawn(process.execPath, [program, await temporaryFolder()], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void parent.kill('SIGKILL'))
    const [said] = await once(parent.stdout, 'data')
    const server = identify(Number(said))!
    expect(isAlive(server)).toBe(true)
    parent.kill('SIGKILL')
    await until(() => !isAlive(server))
  })

  it('is started again on its ports when it dies', async () => {
    const lines: string[] = []
    const { path: binary } = await resolveBinary()
    const kept = await keepTemporalRunning({ dataDir: await temporaryFolder(), binary, headless: true }, (line) =>
      lines.push(line),
    )
    onTestFinished(() => kept.stop())
    const { workflow } = await client(kept.address)
    await workflow.start('any', { ...start, workflowId: 'survivor' })
    const first = kept.pid
    process.kill(first, 'SIGKILL')
    await until(() => kept.pid !== first)
    expect((await workflow.getHandle('survivor').describe()).status.name).toBe('RUNNING')
    expect(lines).toEqual(['the Temporal server ended (SIGKILL); starting it again on its data'])
    const second = identify(kept.pid)!
    await kept.stop()
    expect(isAlive(second)).toBe(false)
  })

  it('is started again on its data when it is stuck', async () => {
    const lines: string[] = []
    const { path: binary } = await resolveBinary()
    const stuck = Promise.withResolvers<Stuck>()
    const watches = [stuck.promise, new Promise<undefined>(() => {})]
    const kept = await keepTemporalRunning(
      { dataDir: await temporaryFolder(), binary, headless: true },
      (line) => lines.push(line),
      () => watches.shift()!,
    )
    onTestFinished(() => kept.stop())
    const { workflow } = await client(kept.address)
    await workflow.start('any', { ...start, workflowId: 'survivor' })
    const first = kept.pid
    stuck.resolve('interrupted')
    await until(() => kept.pid !== first)
    expect((await workflow.getHandle('survivor').describe()).status.name).toBe('RUNNING')
    expect(lines).toEqual([
      'the Temporal server is stuck: its database answers everything with "interrupted"',
      'the Temporal server ended (SIGKILL); starting it again on its data',
    ])
  })

  it('is started again on its data when it stands still', async () => {
    const lines: string[] = []
    const { path: binary } = await resolveBinary()
    const kept = await keepTemporalRunning(
      { dataDir: await temporaryFolder(), binary, headless: true },
      (line) => lines.push(line),
      (address, namespace, signal) => untilStuck(address, namespace, signal, { everyMs: 50, answerMs: 1000 }),
    )
    onTestFinished(() => kept.stop())
    const { workflow } = await client(kept.address)
    await workflow.start('any', { ...start, workflowId: 'survivor' })
    const first = kept.pid
    process.kill(first, 'SIGSTOP')
    await until(() => kept.pid !== first)
    expect((await workflow.getHandle('survivor').describe()).status.name).toBe('RUNNING')
    expect(lines).toEqual([
      'the Temporal server is stuck: it has not answered a health check for half a minute',
      'the Temporal server ended (SIGKILL); starting it again on its data',
    ])
  })

  it('goes on after requests were given up at any moment', async () => {
    const { path: binary } = await resolveBinary()
    const kept = await keepTemporalRunning({ dataDir: await temporaryFolder(), binary, headless: true }, () => {})
    onTestFinished(() => kept.stop())
    const { workflow } = await client(kept.address)
    await workflow.start('any', { ...start, workflowId: 'survivor' })
    await giveUpRequests(kept.address, AbortSignal.timeout(5000))
    await until(async () => {
      const described = await workflow
        .getHandle('survivor')
        .describe()
        .catch(() => undefined)
      return described?.status.name === 'RUNNING'
    })
  })

  it('says at a failed start what the server said', async () => {
    const dataDir = await temporaryFolder()
    await writeFile(path.join(dataDir, 'temporal.db'), 'this is no database')
    await expect(startTestTemporal({ dataDir })).rejects.toThrow(/ended at its start.*not a database/s)
  })

  it('refuses the data of a newer server, and changes nothing', async () => {
    const dataDir = await temporaryFolder()
    await writeFile(path.join(dataDir, 'temporal.version'), '99.0.0\n')
    await expect(startTestTemporal({ dataDir })).rejects.toThrow(DataTooNew)
    await expect(startTestTemporal({ dataDir })).rejects.toThrow(/written by server 99\.0\.0.*TEMPORAL_CLI_PATH/)
    expect(await readFile(path.join(dataDir, 'temporal.version'), 'utf8')).toBe('99.0.0\n')
  })

  it('listens on the loopback address only and commits to disk before it acknowledges', () => {
    const line = serverArguments({ databaseFile: '/d/temporal.db', port: 1, uiPort: 2 }).join(' ')
    expect(line).toContain('--ip 127.0.0.1')
    expect(line).toContain('--ui-ip 127.0.0.1')
    expect(line).toContain('--sqlite-pragma synchronous=full')
  })
})

describe('a stuck server', () => {
  const never = new AbortController().signal
  const interrupted = { code: Grpc.UNAVAILABLE, details: 'GetNamespace operation failed. Error interrupted (9)' }

  it('is one that answers twice in a row that its database was interrupted', async () => {
    const answers = [undefined, interrupted, undefined, interrupted, interrupted]
    const address = await namespaceService(() => answers.shift())
    expect(await untilStuck(address, 'default', never, { everyMs: 10 })).toBe('interrupted')
    expect(answers).toEqual([])
  })

  it('is one that answers nothing, not even how it is, again and again', async () => {
    const health: Answer[] = ['nothing', 'nothing', undefined, ...Array<Answer>(6).fill('nothing')]
    const address = await namespaceService(
      () => 'nothing',
      () => health.shift(),
    )
    expect(await untilStuck(address, 'default', never, { everyMs: 10, answerMs: 500 })).toBe('silent')
    expect(health).toEqual([])
  })

  it('is not one whose database is slow', async () => {
    const over = new AbortController()
    let checked = 0
    const address = await namespaceService(
      () => 'nothing',
      () => {
        if (++checked === 10) over.abort()
        return undefined
      },
    )
    expect(await untilStuck(address, 'default', over.signal, { everyMs: 10, answerMs: 50 })).toBeUndefined()
  })

  it('is not one that cannot answer, or that answers with another failure', async () => {
    const over = new AbortController()
    let asked = 0
    const address = await namespaceService(() => {
      if (++asked === 3) over.abort()
      return { code: Grpc.UNAVAILABLE, details: 'shutting down' }
    })
    expect(await untilStuck(address, 'default', over.signal, { everyMs: 10 })).toBeUndefined()
  })
})

describe('a server that was left behind', () => {
  it('is ended before another is started on its data', async () => {
    const file = path.join(await temporaryFolder(), 'temporal.pid')
    const left = idleProcess()
    await noteServer(file, left.pid!)
    // Its parent, this process, must be gone for it to be left behind.
    const { server } = JSON.parse(await readFile(file, 'utf8'))
    await writeFile(file, JSON.stringify({ server, parent: { ...identify(process.pid), startedAt: 'long ago' } }))
    await endLeftover(file)
    expect(isAlive(server)).toBe(false)
  })

  it('is none while its parent lives', async () => {
    const file = path.join(await temporaryFolder(), 'temporal.pid')
    const running = idleProcess()
    await noteServer(file, running.pid!)
    await expect(endLeftover(file)).rejects.toThrow(DataInUse)
    expect(identify(running.pid!)).toBeDefined()
  })

  it('is none when another process has its id by now', async () => {
    const file = path.join(await temporaryFolder(), 'temporal.pid')
    const innocent = idleProcess()
    const gone = { pid: innocent.pid!, startedAt: 'before the last boot' }
    await writeFile(file, JSON.stringify({ server: gone, parent: gone }))
    await endLeftover(file)
    expect(identify(innocent.pid!)).toBeDefined()
  })
})

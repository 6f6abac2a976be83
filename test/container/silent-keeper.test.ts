import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { KeeperProcess, type Seen } from '../../activities/container/bubblewrap/keeper-process.ts'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { Silence } from '../../activities/container/bubblewrap/silence.ts'
import type { Container, ContainerCall } from '../../activities/container/provider.ts'
import type { ToolResult } from '../../protocol/contract.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const limits = { memoryBytes: 512 * 1024 * 1024, pids: 128, cpus: 2, tmpBytes: 16 * 1024 * 1024 }
const bash = (command: string): ContainerCall => ({
  id: `sevt_${randomUUID().replaceAll('-', '')}`,
  name: 'bash',
  input: { command },
  timeoutMs: 25_000,
})

const textOf = (result: ToolResult) =>
  result.content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')

/** Every keeper of a test's, so that none is left when it fails. */
async function host() {
  const dataDir = await temporaryFolder()
  // The containers' users have to walk through it, otherwise the containers lie elsewhere.
  await chmod(dataDir, 0o711)
  const client = () => new BubblewrapProvider({ dataDir, keeperIdleMs: 2000 })
  const text = (name: string) => readFile(path.join(dataDir, name), 'utf8').catch(() => '')
  const pid = () => until(async () => Number(await text('keeper.pid')) || undefined)
  const stopped = new Set<number>()
  const clients: BubblewrapProvider[] = []
  onTestFinished(async () => {
    for (const one of stopped) signal(one, 'SIGCONT')
    await client().shutdown()
    await Promise.all(clients.map((one) => one.close()))
  })
  return {
    dataDir,
    pid,
    text,
    async open(): Promise<Container> {
      const one = client()
      clients.push(one)
      return one.open({ sessionId: 'sesn_one', mounts: [], limits })
    },
    async stop(): Promise<number> {
      const keeper = await pid()
      signal(keeper, 'SIGSTOP')
      stopped.add(keeper)
      return keeper
    },
    goOn: (keeper: number) => signal(keeper, 'SIGCONT'),
    /** Resolves when a call's output has been noted. */
    printed: (id: string) =>
      until(async () => (await text(`containers/sesn_one/ledger/${id}.output`)).includes('partial')),
    ran: () => text('containers/sesn_one/workspace/runs'),
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It is gone.
  }
}

const ends = async (pid: number) => until(async () => !(await readdir('/proc')).includes(String(pid)))

describe('a call that is aborted while its keeper is stopped', () => {
  it('ends as of unknown outcome, with what was seen of it, when it had begun', async () => {
    const { open, stop, printed } = await host()
    const container = await open()
    const call = bash('echo partial; sleep 20')
    const abort = new AbortController()
    const running = container.call(call, { signal: abort.signal })
    await printed(call.id)
    await stop()
    abort.abort()
    const result = await running
    expect(result).toMatchObject({ outcome: 'unknown', is_error: true })
    expect(textOf(result)).toMatch(/does not answer.*not run again.*Output until then:\npartial/s)
  })

  it('ends as not begun when it had not, and is not begun by the keeper that goes on', async () => {
    const { open, stop, goOn, ran } = await host()
    const container = await open()
    await container.call(bash('true'))
    const keeper = await stop()
    const call = bash('echo run >>runs')
    const abort = new AbortController()
    const running = container.call(call, { signal: abort.signal })
    abort.abort()
    const result = await running
    expect(result).toMatchObject({ outcome: 'interrupted', is_error: true })
    expect(textOf(result)).toContain('before it began')
    goOn(keeper)
    expect(textOf(await container.call(bash('echo next')))).toMatch(/next$/)
    expect(await container.call(call)).toEqual(result)
    expect(await ran()).toBe('')
  })

  it('ends as not begun when its keeper never took the connection, and is not handed in later', async () => {
    const { open, stop, goOn, ran } = await host()
    await (await open()).call(bash('true'))
    const keeper = await stop()
    const container = await open()
    const call = bash('echo run >>runs')
    expect(await container.call(call, { signal: AbortSignal.abort() })).toMatchObject({ outcome: 'interrupted' })
    goOn(keeper)
    expect(textOf(await container.call(bash('echo next')))).toMatch(/next$/)
    expect(await ran()).toBe('')
  })
})

describe('a keeper that is stopped', () => {
  it('is killed: what it ran is of unknown outcome, and the next one goes on', async () => {
    const { open, stop, printed, pid, text } = await host()
    const container = await open()
    const call = bash('echo partial; sleep 25')
    const running = container.call(call)
    await printed(call.id)
    const keeper = await stop()
    const result = await running
    expect(result).toMatchObject({ outcome: 'unknown', is_error: true })
    expect(textOf(result)).toContain('Output until then:\npartial')
    await ends(keeper)
    expect(await text('keeper.log')).toContain(`the keeper ${keeper} did not answer`)
    expect(textOf(await container.call(bash('echo next')))).toMatch(/next$/)
    expect(await pid()).not.toBe(keeper)
  })

  it('is killed by who cannot even connect, and the call runs once', async () => {
    const { open, stop, ran } = await host()
    await (await open()).call(bash('true'))
    const keeper = await stop()
    const container = await open()
    expect(await container.call(bash('echo run >>runs'))).toMatchObject({ outcome: 'done' })
    await ends(keeper)
    expect(await ran()).toBe('run\n')
  })

  it('is killed by who wants it to end', async () => {
    const { open, stop, dataDir } = await host()
    await (await open()).call(bash('true'))
    const keeper = await stop()
    await new BubblewrapProvider({ dataDir }).shutdown()
    await ends(keeper)
  })
})

describe('silence', () => {
  /** Whether a process is silent for good that is seen like this for a minute. */
  const isSilent = (...beats: Seen[]) => {
    const silence = new Silence()
    return Array.from({ length: 60 }, (_, index) => silence.add(beats[index % beats.length]!)).includes(true)
  }
  const ranEach = (state: string, ms: number) =>
    Array.from({ length: 60 }, (_, index) => ({ state, ranMs: 5000 + index * ms }))

  it('is that of a process that is stopped or sleeps, and of one that is busy with something else', () => {
    expect(isSilent({ state: 'T', ranMs: 5000 })).toBe(true)
    expect(isSilent({ state: 'S', ranMs: 5000 })).toBe(true)
    expect(isSilent(...ranEach('R', 1000))).toBe(true)
  })

  it('is not that of a process that hardly gets a processor, or waits for the disk', () => {
    expect(isSilent(...ranEach('R', 100))).toBe(false)
    expect(isSilent({ state: 'D', ranMs: 5000 })).toBe(false)
  })

  it('begins to count with the first beat, whatever the process did before', () => {
    expect(new Silence().add({ state: 'R', ranMs: 3600_000 })).toBe(false)
  })
})

describe("a keeper's process", () => {
  it('is found by the pid that it wrote down', async () => {
    const { open, pid, dataDir } = await host()
    await (await open()).call(bash('true'))
    const keeper = KeeperProcess.of(dataDir)
    expect(keeper?.pid).toBe(await pid())
    expect(keeper?.look()).toMatchObject({ state: expect.stringMatching(/^[A-Z]$/), ranMs: expect.any(Number) })
  })

  it('is not another one that has this pid by now', async () => {
    const dataDir = await temporaryFolder()
    await mkdir(dataDir, { recursive: true })
    const other = spawn('sleep', ['30'])
    onTestFinished(() => void other.kill())
    await writeFile(path.join(dataDir, 'keeper.pid'), String(other.pid))
    expect(KeeperProcess.of(dataDir)).toBeUndefined()
    const { open, pid, dataDir: used } = await host()
    await (await open()).call(bash('true'))
    await pid()
    await writeFile(path.join(used, 'keeper.pid'), String(other.pid))
    expect(KeeperProcess.of(used)).toBeUndefined()
  })
})

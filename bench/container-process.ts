/**
 * Calls in containers, without sessions, from a process as small as the product's: one that has grown takes longer to
 * start others. Sends the times. Argument: how many containers to make.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { BubblewrapProvider } from '../activities/container/bubblewrap/provider.ts'
import { newId } from '../protocol/ids.ts'

/** Milliseconds. */
export interface CallTimes {
  first: number[]
  later: number[]
  /** Of plain spawns of the same command. */
  spawned: number[]
}

const MiB = 1024 ** 2
const limits = { memoryBytes: 512 * MiB, pids: 128, cpus: 2, tmpBytes: 32 * MiB }

async function callTimes(containers: number): Promise<CallTimes> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'holdfast-bench-'))
  await chmod(dataDir, 0o711)
  const provider = new BubblewrapProvider({ dataDir, keeperIdleMs: 500 })
  const times: CallTimes = { first: [], later: [], spawned: [] }
  try {
    // The first one of all starts the keeper.
    for (let made = -1; made < containers; made++) {
      const sessionId = `sesn_bench${made + 1}`
      const first = await timed(async () => call(await provider.open({ sessionId, mounts: [], limits })))
      if (made >= 0) times.first.push(first)
      const opened = await provider.open({ sessionId, mounts: [], limits })
      for (let round = 0; round < 4; round++) {
        times.later.push(await timed(() => call(opened)))
        times.spawned.push(await timed(() => once(spawn('bash', ['-c', 'true']), 'close')))
      }
      await provider.destroy(sessionId)
    }
  } finally {
    await provider.shutdown()
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
  return times
}

const call = (opened: Awaited<ReturnType<BubblewrapProvider['open']>>) =>
  opened.call({ id: newId('event'), name: 'bash', input: { command: 'true' }, timeoutMs: 20_000 })

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

process.send!(await callTimes(Number(process.argv[2])))
process.disconnect()

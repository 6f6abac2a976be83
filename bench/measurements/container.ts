import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { newId } from '../../protocol/ids.ts'
import type { Measurements } from '../measurement.ts'
import { summarize } from '../statistics.ts'

const MiB = 1024 ** 2
const limits = { memoryBytes: 512 * MiB, pids: 128, cpus: 2, tmpBytes: 32 * MiB }

/** Containers alone, without sessions. */
export const container: Measurements = {
  async tool(_bench, { rounds }) {
    const dataDir = await mkdtemp(path.join(os.tmpdir(), 'holdfast-bench-'))
    await chmod(dataDir, 0o711)
    const provider = new BubblewrapProvider({ dataDir, keeperIdleMs: 500 })
    const [first, later, floors]: [number[], number[], number[]] = [[], [], []]
    try {
      for (let made = 0; made < Math.min(rounds, 15); made++) {
        const started = performance.now()
        const opened = await provider.open({ sessionId: `sesn_bench${made}`, mounts: [], limits })
        const call = () =>
          opened.call({ id: newId('event'), name: 'bash', input: { command: 'true' }, timeoutMs: 20_000 })
        await call()
        first.push(performance.now() - started)
        for (let round = 0; round < 4; round++) {
          const begun = performance.now()
          await call()
          later.push(performance.now() - begun)
          floors.push(await spawned())
        }
        await provider.destroy(`sesn_bench${made}`)
      }
    } finally {
      await provider.shutdown()
      await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    }
    return [
      {
        name: 'tool, first call',
        unit: 'ms',
        measured: summarize(first),
        note: 'bash -c true, the container made for it',
      },
      {
        name: 'tool, later call',
        unit: 'ms',
        measured: summarize(later),
        floor: summarize(floors),
        note: 'over a plain spawn of bash -c true',
      },
    ]
  },
}

async function spawned(): Promise<number> {
  const started = performance.now()
  await once(spawn('bash', ['-c', 'true']), 'close')
  return performance.now() - started
}

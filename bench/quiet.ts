import { setTimeout as wait } from 'node:timers/promises'
import { type Bench, cpuOf } from './host.ts'

/** Waits until what was begun is done: Temporal goes on with its own queues for a while. At most two minutes. */
export async function quiet(bench: Bench): Promise<void> {
  const { temporal, workers, api } = await bench.busyPids()
  const used = async () => (await Promise.all([...temporal, ...workers, ...api].map(cpuOf))).reduce((a, b) => a + b)
  for (let before = await used(), second = 0; second < 120; second++) {
    await wait(1000)
    const after = await used()
    if (after - before < 50) return
    before = after
  }
}

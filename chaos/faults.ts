import { setTimeout as sleep } from 'node:timers/promises'
import { signal } from './processes.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface Fault {
  /** Strikes. Resolves when that is over; what follows is the product's affair. False when there was nothing to strike. */
  strike(world: World, random: Random): Promise<boolean>
  /** What recovery should take, milliseconds: median and 95 %. Source: issue 2.9. */
  aim?: { p50: number; p95: number }
  /** Nothing goes on while it lasts; another such one waits until the product is back. */
  outage?: true
  /** Nobody sees it end, so time-outs must. */
  unseen?: true
  /** How often it is chosen, beside the others. @default 1 */
  weight?: number
}

/** Longer than the heartbeat time-out (3 s) and that of a workflow task, with what follows on them. */
const stoppedMs = { low: 6000, high: 14_000 }
const stalledMs = { low: 2000, high: 8000 }
const fullMs = { low: 1000, high: 3000 }

const killOne = (pidsOf: (world: World) => Promise<number[]>) => async (world: World, random: Random) => {
  const pids = await pidsOf(world)
  return pids.length > 0 && signal(random.pick(pids), 'SIGKILL')
}

export const faults: Record<string, Fault> = {
  worker: { strike: killOne((world) => world.workers()), aim: { p50: 700, p95: 2000 }, weight: 5 },
  workers: {
    async strike(world) {
      const pids = await world.workers()
      for (const pid of pids) signal(pid, 'SIGKILL')
      return pids.length > 0
    },
    outage: true,
  },
  keeper: { strike: async (world) => signal(await world.keeper(), 'SIGKILL'), weight: 2 },
  supervisor: { strike: killOne((world) => world.supervisors()), weight: 2 },
  server: {
    async strike(world) {
      const struck = signal(world.devPid, 'SIGKILL')
      await world.revive()
      return struck
    },
    outage: true,
  },
  temporal: { strike: async (world) => signal(world.temporal.pid, 'SIGKILL'), weight: 2 },
  everything: {
    async strike(world) {
      const workers = await world.workers()
      for (const pid of [world.devPid, world.temporal.pid, await world.keeper(), ...workers]) signal(pid, 'SIGKILL')
      await world.revive()
      return true
    },
    outage: true,
  },
  'stopped-worker': {
    async strike(world, random) {
      const [pid] = await world.workers()
      if (!signal(pid, 'SIGSTOP')) return false
      await sleep(random.between(stoppedMs.low, stoppedMs.high))
      signal(pid, 'SIGCONT')
      return true
    },
    aim: { p50: 8000, p95: 8000 },
    unseen: true,
  },
  'model-stream': { strike: async (world) => world.gate.breakReplies() > 0 },
  'temporal-link-stalled': {
    async strike(world, random) {
      world.link.stall()
      await sleep(random.between(stalledMs.low, stalledMs.high))
      world.link.reset()
      world.link.resume()
      return true
    },
    outage: true,
  },
  'temporal-link-reset': {
    async strike(world) {
      world.link.reset()
      return true
    },
  },
  'full-disk': {
    async strike(world, random) {
      if (!world.disk) return false
      await world.disk.fill()
      await sleep(random.between(fullMs.low, fullMs.high))
      await world.disk.empty()
      return true
    },
    outage: true,
  },
}

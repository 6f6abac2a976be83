import { access, constants, mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { ContainerLimits } from '../provider.ts'

const root = '/sys/fs/cgroup'
const prefix = 'holdfast-'
const period = 100_000

/** How this host limits a whole container: cgroups of version 2 or 1, or not at all. */
export type CgroupVersion = 'v2' | 'v1' | undefined

/** Which version this process may use: found by making a group. */
export async function cgroupVersion(): Promise<CgroupVersion> {
  const controllers = await readFile(`${root}/cgroup.controllers`, 'utf8').catch(() => '')
  const probe = `${prefix}probe-${process.pid}`
  if (['memory', 'pids', 'cpu'].every((name) => controllers.split(/\s/).includes(name))) {
    const enabled = await writeFile(`${root}/cgroup.subtree_control`, '+memory +pids +cpu').then(
      () => true,
      () => false,
    )
    if (enabled && (await canMake(path.join(root, probe)))) return 'v2'
  }
  const usable = await Promise.all(['memory', 'pids', 'cpu'].map((name) => canMake(path.join(root, name, probe))))
  return usable.every(Boolean) ? 'v1' : undefined
}

async function canMake(folder: string): Promise<boolean> {
  try {
    await access(path.dirname(folder), constants.W_OK)
    await mkdir(folder)
    await rmdir(folder)
    return true
  } catch {
    return false
  }
}

/** A container's groups. */
export class Cgroup {
  /** What a process without threads writes 0 into to be in it. */
  readonly entries: string[]
  readonly #version: 'v1' | 'v2'
  readonly #folders: string[]

  private constructor(version: 'v1' | 'v2', folders: string[]) {
    this.#version = version
    this.#folders = folders
    // In version 1 by its only thread: a whole process holds up all others of the host first, which takes 8 to 27 ms.
    this.entries = folders.map((folder) => path.join(folder, version === 'v1' ? 'tasks' : 'cgroup.procs'))
  }

  static async create(version: 'v1' | 'v2', name: string, limits: ContainerLimits): Promise<Cgroup> {
    const group = `${prefix}${name}`
    const folders =
      version === 'v2'
        ? [path.join(root, group)]
        : ['memory', 'pids', 'cpu'].map((kind) => path.join(root, kind, group))
    for (const folder of folders) await mkdir(folder, { recursive: true })
    const quota = Math.round(limits.cpus * period)
    if (version === 'v2') {
      const [folder] = folders as [string]
      await writeFile(`${folder}/memory.max`, String(limits.memoryBytes))
      await writeFile(`${folder}/memory.swap.max`, '0').catch(() => {})
      await writeFile(`${folder}/pids.max`, String(limits.pids))
      await writeFile(`${folder}/cpu.max`, `${quota} ${period}`)
    } else {
      const [memory, pids, cpu] = folders as [string, string, string]
      await writeFile(`${memory}/memory.limit_in_bytes`, String(limits.memoryBytes))
      // Only there when the kernel accounts swap.
      await writeFile(`${memory}/memory.memsw.limit_in_bytes`, String(limits.memoryBytes)).catch(() => {})
      await writeFile(`${pids}/pids.max`, String(limits.pids))
      await writeFile(`${cpu}/cpu.cfs_period_us`, String(period))
      await writeFile(`${cpu}/cpu.cfs_quota_us`, String(quota))
    }
    return new Cgroup(version, folders)
  }

  /** Removes the groups once their processes are gone. */
  async remove(): Promise<void> {
    if (this.#version === 'v2') await writeFile(`${this.#folders[0]}/cgroup.kill`, '1').catch(() => {})
    for (const folder of this.#folders) await removeEmpty(folder)
  }
}

/** Removes groups that dead keepers of this data folder left. */
export async function removeStaleCgroups(namePrefix: string): Promise<void> {
  for (const parent of [root, ...['memory', 'pids', 'cpu'].map((kind) => path.join(root, kind))]) {
    for (const name of await readdir(parent).catch(() => [])) {
      if (name.startsWith(`${prefix}${namePrefix}`)) await removeEmpty(path.join(parent, name))
    }
  }
}

/** The kernel needs a moment to let go of the last process. */
async function removeEmpty(folder: string): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    try {
      return await rmdir(folder)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

import { createHash } from 'node:crypto'
import { readFile, realpath, stat } from 'node:fs/promises'
import type { Packages } from '../../protocol/environments.ts'

/** Raised when the same list would be installed to another shape of folder: older layers then no longer count. */
const format = 1

/** The managers in the order in which they install. Source: spec §4.1 */
export const managers = ['apt', 'cargo', 'gem', 'go', 'npm', 'pip'] as const

export type PackageManager = (typeof managers)[number]

/** The packages of one manager, each in the manager's own syntax. */
export interface Wanted {
  manager: PackageManager
  names: string[]
}

/** What is to be installed: each manager that has packages, with its list sorted and without repetitions. */
export function wantedPackages(packages: Packages): Wanted[] {
  return managers
    .map((manager) => ({ manager, names: [...new Set(packages[manager])].sort() }))
    .filter(({ names }) => names.length > 0)
}

/**
 * The name of the layer that holds these packages: SHA-256, hex.
 * @param base what they are built upon: with another one the layer is another
 */
export function layerKey({ manager, names }: Wanted, base: string): string {
  return createHash('sha256')
    .update(JSON.stringify([format, manager, names, base]))
    .digest('hex')
}

/** What of the host a manager's packages would not fit any more when it changes. */
const foundations: Record<PackageManager, string[]> = {
  apt: ['/var/lib/dpkg/status'],
  cargo: [],
  gem: ['/usr/bin/ruby'],
  go: [],
  npm: ['/usr/bin/node'],
  pip: ['/usr/bin/python3'],
}

/** What names this host's system as the ground of a manager's packages. */
export async function baseOf(manager: PackageManager): Promise<string> {
  const system = await readFile('/usr/lib/os-release', 'utf8').catch(() => process.platform)
  const files = await Promise.all(foundations[manager].map(stateOf))
  return JSON.stringify([system, process.arch, ...files])
}

async function stateOf(file: string): Promise<string> {
  try {
    const real = await realpath(file)
    const { size, mtimeMs } = await stat(real)
    return `${real} ${size} ${mtimeMs}`
  } catch {
    return ''
  }
}

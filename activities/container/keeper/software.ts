import { mkdir, readdir } from 'node:fs/promises'
import path from 'node:path'
import type { ContainerSoftware, Mount } from '../provider.ts'

/** Of /etc the container has these already. */
const taken = new Set([
  ...['passwd', 'group', 'hosts', 'nsswitch.conf', 'ssl', 'alternatives', 'ld.so.cache', 'gitconfig', 'resolv.conf'],
])

export interface LaidOut {
  overUsr?: { folder: string; at: string }
  mounts: Mount[]
  path: string[]
  variables: Record<string, string>
}

/**
 * Where software goes in a container.
 * @param at folder of the host for what is to be seen as /usr
 */
export async function layOut(software: ContainerSoftware, at: string): Promise<LaidOut> {
  const { system, mounts, path: before, variables } = software
  if (system === undefined) return { mounts, path: before, variables }
  const beside = [...(await below(system, 'etc')), ...(await below(system, 'opt'))]
  const [usr] = (await readdir(system)).filter((name) => name === 'usr')
  if (usr) await mkdir(at, { recursive: true, mode: 0o755 })
  return {
    ...(usr && { overUsr: { folder: path.join(system, usr), at } }),
    mounts: [...beside, ...mounts],
    path: before,
    variables,
  }
}

async function below(system: string, name: 'etc' | 'opt'): Promise<Mount[]> {
  const names = await readdir(path.join(system, name)).catch(() => [])
  return names
    .filter((entry) => (name === 'etc' ? !taken.has(entry) : entry !== 'packages'))
    .map((entry) => ({ target: `/${name}/${entry}`, source: path.join(system, name, entry), mode: 'ro' }))
}

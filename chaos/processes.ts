import { readdir, readFile } from 'node:fs/promises'

/** Processes below one, found by their titles, as an operator finds them with `ps`. */
export async function below(root: number): Promise<{ pid: number; title: string }[]> {
  const parents = new Map<number, number>()
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    // The second field is the name in parentheses, which may itself contain anything.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (stat && state !== 'Z') parents.set(Number(name), Number(parent))
  }
  const found = new Set([root])
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid)
  }
  found.delete(root)
  return Promise.all([...found].map(async (pid) => ({ pid, title: await titleOf(pid) })))
}

async function titleOf(pid: number): Promise<string> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return line.replaceAll('\0', ' ').trim()
}

/** False when there was none any more. */
export function signal(pid: number | undefined, name: NodeJS.Signals): boolean {
  try {
    return pid !== undefined && process.kill(pid, name)
  } catch {
    return false
  }
}

import { existsSync } from 'node:fs'
import path from 'node:path'

/**
 * The command with which a program is killed by the kernel when its parent dies, also by SIGKILL; where the system has
 * nothing for that, the command itself.
 */
export function dyingWithParent(program: string, args: string[]): [string, string[]] {
  const setpriv = process.platform === 'linux' ? onPath('setpriv') : undefined
  return setpriv ? [setpriv, ['--pdeathsig', 'KILL', '--', program, ...args]] : [program, args]
}

function onPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/bin', '/bin'].filter(path.isAbsolute)
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file))
}

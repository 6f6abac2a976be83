import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { seccompFilter } from './seccomp.ts'

const bwrap = 'bwrap'

/** Without cgroups memory is bounded by process. Node sets aside more than it uses: with 512 MiB it does not start. */
const leastData = 1024 * 1024 * 1024

export interface Launch {
  /** bwrap's options, given the descriptor of the seccomp filter. */
  options: (seccompDescriptor: number | undefined) => string[]
  /** What runs inside. */
  command: string[]
  limits: { memoryBytes: number; pids?: number }
  /** User of the host that the container's processes are; only root can choose one. */
  uid?: number
  /** Files to write itself into, to be in its cgroups. */
  cgroups: string[]
  /** A folder that is to be seen over the host's /usr, at a folder that bwrap binds; nobody else sees it there. */
  overUsr?: { folder: string; at: string }
}

/** A mount of its own for what comes after the two first arguments. Kernels of before 5.11 allow it to root alone. */
const mountOver = 'mount -t overlay overlay -o "lowerdir=$1:/usr" "$2" || exit 1; shift 2; exec "$@"'
const escaped = (folder: string) => folder.replace(/[\\:,]/g, '\\$&')

function overlaid({ folder, at }: { folder: string; at: string }): string[] {
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  return ['unshare', '--mount', ...asRoot, '/bin/sh', '-c', mountOver, 'sh', escaped(folder), at]
}

/**
 * Starts bwrap with an empty environment (its own can be read from inside) and its options in a file descriptor (so
 * that no path of the host is in a command line that can be read from inside).
 * Joining cgroups comes first, then the limits, then the change of user: started as root, even uid 1000 inside would be
 * uid 0 for the kernel, which limits nobody's number of processes.
 */
export function launch({ options, command, limits, uid, cgroups, overUsr }: Launch): ChildProcess {
  const filter = seccompFilter()
  const files = openUnnamed([filter, Buffer.from(options(filter ? 3 : undefined).join('\0'))])
  const [seccomp, args] = files as [number | undefined, number]
  const change = uid === undefined ? [] : ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups']
  const bounds = [
    // Counts every process of the user, so it only bounds a container whose user is its own.
    ...(uid === undefined || limits.pids === undefined ? [] : [`--nproc=${limits.pids}`]),
    ...(cgroups.length > 0 ? [] : [`--data=${Math.max(limits.memoryBytes, leastData)}`]),
    '--core=0',
  ]
  const join = `for entry in ${cgroups.join(' ')}; do echo 0 > "$entry" || exit 1; done; exec "$@"`
  const outside = [
    ...(overUsr ? overlaid(overUsr) : []),
    'prlimit',
    ...bounds,
    '--',
    ...change,
    bwrap,
    '--args',
    filter ? '4' : '3',
    '--',
  ]
  try {
    return spawn('/bin/sh', ['-c', join, 'sh', ...outside, ...command], {
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      stdio: ['pipe', 'pipe', 'pipe', ...(seccomp === undefined ? [args] : [seccomp, args])],
    })
  } finally {
    for (const file of files) if (file !== undefined) closeSync(file)
  }
}

/** Descriptors of files that have no name any more. */
function openUnnamed(contents: (Buffer | undefined)[]): (number | undefined)[] {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'holdfast-'))
  try {
    return contents.map((content, index) => {
      if (!content) return undefined
      const file = path.join(folder, String(index))
      writeFileSync(file, content)
      return openSync(file, 'r')
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

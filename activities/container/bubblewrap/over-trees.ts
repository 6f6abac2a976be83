import type { ChildProcess } from 'node:child_process'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { SessionFolder } from '../keeper/session-folder.ts'
import { launch } from './launch.ts'

export interface OverTreesOptions {
  /** @default none */
  input?: Readable
  /** Whether the program may change the files. @default false */
  isWritable?: boolean
  signal?: AbortSignal | undefined
}

/** Much more than the programs need. */
const memoryBytes = 1024 ** 3

/**
 * Runs a program of the host's over the files of a session, where it sees nothing but them and /usr, with no network, as
 * the user that they belong to: whatever they are, links and all, they lead nowhere. It may read what its owner has
 * closed to itself. Reading fails when the program does.
 */
export async function overTrees(
  folder: SessionFolder,
  program: string[],
  { input, isWritable = false, signal }: OverTreesOptions = {},
): Promise<Readable> {
  const uid = await folder.uid()
  const { workspace, outputs, home } = folder.layout
  const bind = isWritable ? '--bind' : '--ro-bind'
  const capabilities = isWritable ? ['CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_CHOWN'] : ['CAP_DAC_READ_SEARCH']
  const child = launch({
    options: (seccompDescriptor) => [
      ...['--unshare-all', '--unshare-user', '--die-with-parent', '--new-session', '--uid', '0', '--gid', '0'],
      ...capabilities.flatMap((capability) => ['--cap-add', capability]),
      ...['--ro-bind', '/usr', '/usr', '--dev', '/dev'],
      ...['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
      ...[bind, workspace, '/files/workspace', bind, outputs, '/files/outputs', bind, home, '/files/home'],
      ...['--clearenv', '--setenv', 'PATH', '/usr/bin:/bin', '--setenv', 'LC_ALL', 'C', '--chdir', '/files'],
      ...(seccompDescriptor === undefined ? [] : ['--seccomp', String(seccompDescriptor)]),
      ...['--remount-ro', '/dev', '--remount-ro', '/'],
    ],
    // What users wait for goes first.
    command: ['nice', ...program],
    // No bound of processes: those of the container would count.
    limits: { memoryBytes },
    ...(uid !== undefined && { uid }),
    cgroups: [],
  })
  return Readable.from(outputOf(child, { program: program[0]!, input, signal }))
}

async function* outputOf(
  child: ChildProcess,
  { program, input, signal }: { program: string; input: Readable | undefined; signal: AbortSignal | undefined },
): AsyncGenerator<Buffer> {
  const stop = () => void child.kill('SIGKILL')
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) stop()
  const ended = new Promise<string | number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, killed) => resolve(killed ?? code))
  })
  ended.catch(() => {})
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-500)
  })
  let broken: unknown
  let hasBegun = false
  // A program that ends early closes its input: why, its exit tells.
  const fed = pipeline(input ?? Readable.from([]), child.stdin!).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE') return
    broken = error
    stop()
  })
  try {
    for await (const chunk of child.stdout!) {
      hasBegun = true
      yield chunk
    }
    const end = await ended
    await fed
    if (broken) throw broken
    // With 1 find and tar say that something changed under them, and bwrap that it could not begin.
    if (end !== 0 && !(end === 1 && hasBegun))
      throw new Error(`${program} over a session's files ended with ${end}: ${errors.trim()}`)
  } finally {
    signal?.removeEventListener('abort', stop)
    stop()
  }
}

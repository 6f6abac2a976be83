import { launch } from './launch.ts'
import { seccompFilter } from './seccomp.ts'

/** Runs `true` as a container would run. Returns what went wrong. */
export async function tryOut(): Promise<string | undefined> {
  const limits = { memoryBytes: 512 * 1024 * 1024, pids: 4096, cpus: 1, tmpBytes: 1024 * 1024 }
  const process = launch({
    options: (seccompDescriptor) => [
      ...['--unshare-all', '--unshare-user', '--disable-userns', '--die-with-parent', '--new-session'],
      ...[
        '--ro-bind',
        '/usr',
        '/usr',
        ...['bin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
      ],
      ...['--proc', '/proc', '--dev', '/dev', '--uid', '1000', '--gid', '1000', '--clearenv'],
      ...(seccompFilter() ? ['--seccomp', String(seccompDescriptor)] : []),
    ],
    command: ['/usr/bin/true'],
    limits,
    cgroups: [],
  })
  let errors = ''
  process.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  process.stdin!.on('error', () => {}).end()
  return new Promise((resolve) => {
    process.on('error', (error) => resolve(error.message))
    process.on('close', (code) => resolve(code === 0 ? undefined : errors.trim() || `bwrap ended with ${code}`))
  })
}

/** What a failure means and what mends it. */
export function explain(failure: string): { reason: string; fix: string } {
  if (/bwrap: not found|failed to execute bwrap|No such file/i.test(failure)) {
    return { reason: 'bubblewrap is not installed', fix: 'sudo apt-get install bubblewrap' }
  }
  if (/setpriv|prlimit/.test(failure)) {
    return { reason: 'util-linux is not installed (prlimit, setpriv)', fix: 'sudo apt-get install util-linux' }
  }
  if (/namespace|uid map|Operation not permitted|pivot_root/i.test(failure)) {
    return {
      reason: `this system does not let bubblewrap make a container: ${failure}`,
      fix:
        'allow user namespaces (sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, kernel.unprivileged_userns_clone=1); ' +
        'within Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined',
    }
  }
  return { reason: failure, fix: 'run `holdfast doctor` for what is missing' }
}

import { existsSync } from 'node:fs'
import type { Mount } from '../provider.ts'

/** Where the supervisor's code and its Node lie inside; not on the agent's PATH. */
const ours = '/run/holdfast'

/**
 * The first process: starts the supervisor again when it is killed, ends when the host went away (which the supervisor may
 * die of before it can say so: then nobody takes the empty line either), and takes in orphans, which Node would not.
 * SIGUSR1 would open Node's inspector, and with it the supervisor, to everything inside.
 */
const firstProcess = `while :; do ${ours}/node --disable-sigusr1 --max-old-space-size=96 --disable-warning=ExperimentalWarning ${ours}/supervisor/main.js; [ $? = 3 ] && exit 0; echo || exit 0; sleep 0.02; done`

export interface Layout {
  workspace: string
  outputs: string
  home: string
  /** Small files of /etc. */
  etc: string
  /** Folder with the socket of the way out, when there is one. */
  gateway?: string
  /** Folder with the certificates to trust, when they are not the system's. */
  trust?: string
  /** Node for the supervisor. */
  node: string
  /** The supervisor's code. */
  supervisor: string
  /** What is seen as /usr. @default the host's */
  usr?: string
}

/** Where programs look for the way out. Some read the small names only, some the large ones. */
const proxyVariables = ['http_proxy', 'https_proxy', 'all_proxy'].flatMap((name) =>
  [name, name.toUpperCase()].flatMap((variable) => ['--setenv', variable, 'http://127.0.0.1:3128']),
)
proxyVariables.push('--setenv', 'no_proxy', '127.0.0.1,localhost', '--setenv', 'NO_PROXY', '127.0.0.1,localhost')
// Node's own fetch asks for no proxy unless it is told to.
proxyVariables.push('--setenv', 'NODE_USE_ENV_PROXY', '1')

const bundle = `${ours}/trust/certificates.pem`
/** Where a system has its own certificates, for programs that read no variable. */
const systemBundle = '/etc/ssl/certs/ca-certificates.crt'
/** Where programs look for the certificates to trust. */
const trustVariables = [
  ...['SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS', 'GIT_SSL_CAINFO', 'PIP_CERT'],
  ...['CARGO_HTTP_CAINFO', 'AWS_CA_BUNDLE', 'BUNDLE_SSL_CA_CERT', 'DENO_CERT'],
].flatMap((variable) => ['--setenv', variable, bundle])

function trustOptions(folder: string): string[] {
  const overSystem = existsSync(systemBundle) ? ['--ro-bind', `${folder}/certificates.pem`, systemBundle] : []
  return ['--ro-bind', folder, `${ours}/trust`, ...overSystem, ...trustVariables]
}

/** What runs inside. It names nothing of the host: everybody inside can read it. */
export const command = ['/usr/bin/bash', '-c', firstProcess]

/** bwrap's options for a session's container. Source: design §5. */
export function bwrapOptions(
  layout: Layout,
  mounts: Mount[],
  options: { tmpBytes: number; seccompDescriptor?: number; environment?: Record<string, string>; path?: string[] },
): string[] {
  const bind = ({ target, source, mode }: Mount) => [mode === 'ro' ? '--ro-bind' : '--bind', source, target]
  return [
    // --disable-userns refuses to work without its own --unshare-user.
    ...['--unshare-all', '--unshare-user', '--disable-userns', '--die-with-parent', '--new-session', '--as-pid-1'],
    ...['--ro-bind', layout.usr ?? '/usr', '/usr'],
    ...['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
    ...['/etc/ssl', '/etc/alternatives', '/etc/ld.so.cache'].flatMap((file) => ['--ro-bind-try', file, file]),
    ...['passwd', 'group', 'hosts', 'nsswitch.conf'].flatMap((name) => [
      '--ro-bind',
      `${layout.etc}/${name}`,
      `/etc/${name}`,
    ]),
    ...['--proc', '/proc', '--dev', '/dev'],
    // Without a size these may fill half of the memory.
    ...['--size', String(64 * 1024 * 1024), '--tmpfs', '/dev/shm'],
    ...['--size', String(options.tmpBytes), '--tmpfs', '/tmp'],
    ...['--bind', layout.workspace, '/workspace'],
    ...['--bind', layout.outputs, '/mnt/session/outputs'],
    ...['--dir', '/mnt/session/uploads', '--dir', '/mnt/memory'],
    ...['--bind', layout.home, '/home/agent'],
    // Parents before children, so that none hides another.
    ...mounts.toSorted((a, b) => a.target.length - b.target.length).flatMap(bind),
    ...['--ro-bind', layout.node, `${ours}/node`, '--ro-bind', layout.supervisor, `${ours}/supervisor`],
    ...(layout.gateway === undefined ? [] : ['--ro-bind', layout.gateway, `${ours}/gateway`]),
    ...['--uid', '1000', '--gid', '1000', '--hostname', 'container', '--chdir', '/workspace'],
    '--clearenv',
    // Before those of our own, which programs need to work at all.
    ...Object.entries(options.environment ?? {}).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--setenv', 'PATH', [...(options.path ?? []), '/usr/local/bin:/usr/bin:/bin'].join(':')],
    ...['--setenv', 'HOME', '/home/agent'],
    ...['--setenv', 'USER', 'agent', '--setenv', 'LANG', 'C.UTF-8', '--setenv', 'TERM', 'dumb'],
    ...(layout.gateway === undefined ? [] : proxyVariables),
    ...(layout.trust === undefined ? [] : trustOptions(layout.trust)),
    ...(options.seccompDescriptor === undefined ? [] : ['--seccomp', String(options.seccompDescriptor)]),
    ...['--remount-ro', '/dev', '--remount-ro', '/'],
  ]
}

import type { Readable } from 'node:stream'
import type { ToolResult } from '../../protocol/contract.ts'
import type { SessionErrorBody } from '../../protocol/events.ts'
import type { RepositoryCheckout } from '../../protocol/sessions.ts'

/** A folder or file of the host that the container sees at `target`. */
export interface Mount {
  /** Absolute path inside. */
  target: string
  /** Absolute path on the host. Never below a folder that the agent can write. */
  source: string
  mode: 'rw' | 'ro'
}

export interface ContainerLimits {
  memoryBytes: number
  /** Processes and threads. */
  pids: number
  cpus: number
  /** Milliseconds without a call after which a container is stopped; its files stay. @default never */
  idleMs?: number
  /** Size of /tmp; at or below a quarter of the memory, because tmpfs counts against it. */
  tmpBytes: number
}

/** A git repository that the container is to have before its first call. */
export interface ContainerRepository {
  /** Id of the resource; also the name of the route by which the container reaches it. */
  id: string
  url: string
  /** Folder below /workspace. */
  path: string
  checkout?: RepositoryCheckout
  /** Whether the session is to hear of the skills in it. @default false */
  skills?: boolean
  /** Another one when the token is another: what failed is tried again then. Nothing of the token itself. */
  credential: string
}

/** A way from the container to one place outside, reached inside as `http://127.0.0.1:3128/route/<name>/…`. */
export interface Route {
  name: string
  /** URL prefix; nothing outside of it is reached. */
  target: string
  /** Added outside, in place of what the container sent. Never written down. */
  headers: Record<string, string>
  methods?: string[]
}

/** A secret that goes out in the place of what the container has for it. Never written down. */
export interface Injection {
  placeholder: string
  secret: string
  /** Names, or `*.` and the end of one, of what may get the secret; `*`: everything that the policy allows. */
  hosts: string[]
  /** Where in a request the placeholder is replaced; elsewhere it goes out as it is. */
  header: boolean
  body: boolean
}

/** What of the network a container has. */
export interface EgressPolicy {
  mode: 'none' | 'limited' | 'unrestricted'
  /** Names, or `*.` and the end of one; `:port` behind it opens that one instead of 80 and 443. */
  allowedHosts: string[]
  routes: Route[]
  injections: Injection[]
  /** Host names, addresses or CIDRs that may be reached although private. */
  allowPrivate: string[]
}

/** Something that the session has to know about its container. */
export interface ContainerNotice {
  /** For the model. */
  text: string
  /** For the user. */
  error?: SessionErrorBody
}

/** Software beside that of the host's /usr. A container that runs keeps what it has until it is started again. */
export interface ContainerSoftware {
  /** Host's folder of which `usr` is laid over /usr, and what is in `etc` and `opt` is beside what is there. */
  system?: string
  mounts: Mount[]
  /** Folders that come before the usual ones on PATH. */
  path: string[]
  variables: Record<string, string>
  /** False when some could not be had. The container is started again when it can. */
  isComplete: boolean
}

export interface ContainerSpec {
  sessionId: string
  /** Without it there is no network. May change while the container runs. */
  egress?: EgressPolicy
  /** Variables of the programs inside. With others the container is started again. */
  environment?: Record<string, string>
  /** @default none */
  software?: ContainerSoftware
  /** What the session is to hear with the next result, each once. */
  notices?: ContainerNotice[]
  /** Each is checked out once; one that cannot be had is told of in the result of the call that found out. */
  repositories?: ContainerRepository[]
  /** Read-only copies of files: beside the workspace, outputs and home that every container has. */
  mounts: Mount[]
  limits: ContainerLimits
}

/** What a provider really enforces here, found by running a command. */
export interface Enforced {
  memory: boolean
  pids: boolean
  cpu: boolean
  disk: boolean
  seccomp: boolean
  ownUid: boolean
  egress: 'none' | 'allowlist'
}

export interface Probe {
  ok: boolean
  /** Why it cannot work here. */
  reason?: string
  /** The command or setting that mends it. */
  fix?: string
  enforces: Enforced
}

/** One call of a tool inside a container. Its id is the ledger's key: no id is ever run twice. */
export interface ContainerCall {
  /** Id of the tool use's event. */
  id: string
  name: 'bash' | 'read' | 'write' | 'edit' | 'glob' | 'grep'
  input: Record<string, unknown>
  /** Milliseconds after which the host stops the call. */
  timeoutMs: number
  /**
   * The calls that may run beside this one; what else is running was given up by whoever had asked for it, and is stopped
   * when this one begins. @default any
   */
  beside?: string[]
}

export interface Container {
  /**
   * Runs the call, or joins it: finished before -> the recorded result; still running -> waits for it; begun with
   * nobody left who runs it -> `outcome: 'unknown'` with what was seen of the output.
   * Aborting `signal` stops the call; the promise then resolves with `outcome: 'interrupted'`.
   * Rejects with ContainerUnavailable when it is certain that the call has not begun.
   */
  call(call: ContainerCall, options?: { signal?: AbortSignal }): Promise<ToolResult>
  /** Has it there before the first call, which starts it otherwise. Without calls it is stopped after `idleMs`. */
  start(): Promise<void>
}

/** What is being put back. */
export interface RestoredFiles {
  /** As ContainerFiles.notes. */
  notes: string
  list(): Promise<Readable>
  /** Takes away entries with all below them; paths as those of `list`, each ended by a zero byte. */
  remove(paths: Readable): Promise<void>
  /** Puts the entries of an archive in their places. */
  unpack(archive: Readable): Promise<void>
  /** Takes down which repositories are checked out. */
  checkOut(ids: string[]): Promise<void>
}

/** The files of sessions on this host, apart from their containers. They may be changing under whoever reads them. */
export interface ContainerFiles {
  exist(sessionId: string): Promise<boolean>
  /** A folder for what there is to note about them. The container does not see it; it goes with them. It need not exist. */
  notes(sessionId: string): Promise<string>
  /** Ids of the repositories that are checked out. */
  checkouts(sessionId: string): Promise<string[]>
  /**
   * What is there, parents first: `type inode mode links size blocks modified changed path` (of `find`), each ended by a
   * zero byte. Paths are bytes.
   */
  list(sessionId: string, signal?: AbortSignal): Promise<Readable>
  /** A tar archive of these entries, without what is below them; paths each ended by a zero byte. */
  pack(sessionId: string, paths: Readable, signal?: AbortSignal): Promise<Readable>
  /** Makes the files of a session that has none here: whole, or not at all. False when it has some meanwhile. */
  restore(sessionId: string, fill: (files: RestoredFiles) => Promise<void>): Promise<boolean>
  /** Removes what was left half restored by a process that died. */
  collect(): Promise<void>
}

export interface ContainerProvider {
  readonly name: string
  readonly files: ContainerFiles
  /** Really runs a command in a container and says what holds. */
  probe(): Promise<Probe>
  /** The session's container, made when there is none. Idempotent by session id. */
  open(spec: ContainerSpec): Promise<Container>
  /** Whether the session's container is there, or about to be. Starts nothing to find out. */
  runs(sessionId: string): Promise<boolean>
  /** Ids of the sessions whose running containers were given injections. Starts nothing to find out. */
  withInjections(): Promise<string[]>
  /** Gives a running container these instead; does nothing when none runs. */
  inject(sessionId: string, injections: Injection[]): Promise<void>
  /** Stops the container; its files stay. */
  stop(sessionId: string): Promise<void>
  /** Stops the container and removes its files and ledger. */
  destroy(sessionId: string): Promise<void>
  /** The host's folder that the session sees as /mnt/session/outputs; it need not exist. The agent may change it any time. */
  outputsFolder(sessionId: string): Promise<string>
  /** Ids of the sessions that have files here. Starts nothing to find out. */
  list(): Promise<string[]>
  /** Lets go of the containers without ending them. */
  close(): Promise<void>
}

/** Thrown when no container can be had; nothing was run. */
export class ContainerUnavailable extends Error {
  override readonly name = 'ContainerUnavailable'
  readonly tried: string[]
  /** What to do about it. */
  readonly fix: string | undefined

  constructor(details: { tried: string[]; reason: string; fix?: string; cause?: unknown }) {
    super(`no container: ${details.reason}${details.fix ? ` (to mend it: ${details.fix})` : ''}`, {
      cause: details.cause,
    })
    this.tried = details.tried
    this.fix = details.fix
  }
}

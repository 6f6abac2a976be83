import { createHash } from 'node:crypto'
import { lchown, lstat, mkdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { removeTree } from '../../remove-tree.ts'
import { giveUser, userOf } from './users.ts'

const etc: Record<string, string> = {
  passwd: 'root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:1000:1000:agent:/home/agent:/bin/bash\n',
  group: 'root:x:0:\nagent:x:1000:\n',
  hosts: '127.0.0.1 localhost container\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
}

/**
 * Where the sessions' folders lie. A container's user has to be able to walk there: below a private folder (a root's
 * home, say) it could not, so then they lie in a place of the system's, named after the data folder.
 */
export async function containersRoot(dataDir: string): Promise<string> {
  const inside = path.join(path.resolve(dataDir), 'containers')
  if (process.getuid?.() !== 0 || (await isWalkable(path.dirname(inside)))) return inside
  const name = createHash('sha256').update(path.resolve(dataDir)).digest('hex').slice(0, 16)
  return path.join('/var/lib/holdfast', name, 'containers')
}

/** Whether any user of the host can reach what lies in this folder. */
export async function isWalkable(folder: string): Promise<boolean> {
  for (let at = folder; ; at = path.dirname(at)) {
    const mode = await stat(at).then(
      (found) => found.mode,
      () => 0o755,
    )
    if ((mode & 0o001) === 0) return false
    if (at === path.dirname(at)) return true
  }
}

/** A session's files on this host. */
export class SessionFolder {
  readonly path: string
  readonly #root: string

  constructor(root: string, sessionId: string) {
    if (!/^[A-Za-z0-9_]{1,128}$/.test(sessionId)) throw new Error(`${JSON.stringify(sessionId)} is no id of a session`)
    this.#root = root
    this.path = path.join(root, sessionId)
  }

  get layout() {
    const at = (name: string) => path.join(this.path, name)
    return { workspace: at('workspace'), outputs: at('outputs'), home: at('home'), etc: path.join(this.#root, 'etc') }
  }

  get ledger(): string {
    return path.join(this.path, 'ledger')
  }

  /** The socket of the way out; mounted into the container. */
  get gateway(): string {
    return path.join(this.path, 'gateway')
  }

  /** Where what the container has as /usr is put together, when it is not the host's. */
  get usr(): string {
    return path.join(this.path, 'usr')
  }

  /** Certificates that the container trusts; mounted into it. */
  get trust(): string {
    return path.join(this.path, 'trust')
  }

  /** Which repositories are checked out; the container does not see it. */
  get checkouts(): string {
    return path.join(this.path, 'checkouts')
  }

  /** What was made in the agent's folders to mount something on; the container does not see it. */
  get mountPoints(): string {
    return path.join(this.path, 'mount-points')
  }

  /** Says that a container was started over these files. */
  get begun(): string {
    return path.join(this.path, 'begun')
  }

  /** Makes what is missing. Returns the host's user that the container runs as, when one can be chosen. */
  async prepare(): Promise<number | undefined> {
    const { workspace, outputs, home } = this.layout
    await makeEtc(this.layout.etc)
    // The container's user walks through here, but may not look around.
    await mkdir(this.path, { recursive: true, mode: 0o711 })
    await mkdir(this.ledger, { recursive: true, mode: 0o700 })
    const uid = process.getuid?.() === 0 ? ((await this.uid()) ?? (await giveUser(this.#root, this.path))) : undefined
    for (const folder of [workspace, outputs, home]) {
      await mkdir(folder, { recursive: true, mode: 0o755 })
      // Also of one that was there: who made it may have been killed before it was given away.
      if (uid !== undefined && (await lstat(folder)).uid !== uid) await lchown(folder, uid, uid)
    }
    return uid
  }

  /** Removes everything. Also what a container's processes wrote while they were being ended. */
  remove(): Promise<void> {
    return removeTree(this.path)
  }

  /** The host's user that the container runs as, when one was chosen. */
  uid(): Promise<number | undefined> {
    return userOf(this.path)
  }
}

async function makeEtc(folder: string): Promise<void> {
  if (
    await stat(path.join(folder, 'nsswitch.conf')).then(
      () => true,
      () => false,
    )
  )
    return
  await mkdir(folder, { recursive: true, mode: 0o755 })
  for (const [name, content] of Object.entries(etc)) await writeFile(path.join(folder, name), content, { mode: 0o644 })
}

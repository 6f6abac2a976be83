import { randomUUID } from 'node:crypto'
import { open, readFile, rename, stat } from 'node:fs/promises'
import path from 'node:path'

/** A memory as it was when folder and store were last the same. */
export interface Base {
  memoryId: string
  versionId: string
  sha256: string
  /** The file's stamp then; absent when it has to be read to know whether it changed. */
  stamp?: string
}

/** Why something in the folder is not in the store. */
export interface Problem {
  reason: string
  /** The file's stamp when it was refused: it is tried again when that changes. */
  stamp?: string
  /** Whether the agent has been told. */
  told?: boolean
}

/**
 * What a session's folder and its store had in common when they were last compared: the third side of the comparison.
 * It lies on the host beside the folder, where no agent can write.
 */
export interface Manifest {
  /** With the generation it names every write, so that one that is repeated after a crash is known as the same. */
  id: string
  /** Grows whenever the manifest is saved. */
  generation: number
  /** The store's count of changes up to which all was brought here; absent while something was not. */
  changes?: number
  files: Map<string, Base>
  /** What is about to be written to the folder: a file that is like this is no change of the agent's. */
  incoming: Map<string, Base>
  problems: Map<string, Problem>
  /** Memories that the folder cannot show. */
  unshown: Map<string, Problem>
  /** The store was deleted. */
  gone: boolean
}

type Stored = Omit<Manifest, 'files' | 'incoming' | 'problems' | 'unshown'> & {
  files: [string, Base][]
  incoming: [string, Base][]
  problems: [string, Problem][]
  unshown: [string, Problem][]
}

const fileOf = (folder: string) => path.join(folder, 'manifest.json')

/** Reads the manifest; a folder that is new gets one, before anything is in it. */
export async function loadManifest(folder: string): Promise<Manifest> {
  const text = await readFile(fileOf(folder), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text !== undefined) {
    const { files, incoming, problems, unshown, ...rest } = JSON.parse(text) as Stored
    return {
      ...rest,
      files: new Map(files),
      incoming: new Map(incoming),
      problems: new Map(problems),
      unshown: new Map(unshown),
    }
  }
  const manifest: Manifest = {
    id: randomUUID(),
    generation: 0,
    files: new Map(),
    incoming: new Map(),
    problems: new Map(),
    unshown: new Map(),
    gone: false,
  }
  await saveManifest(folder, manifest)
  return manifest
}

/** Writes the manifest, all or nothing, also when the power goes. */
export async function saveManifest(folder: string, manifest: Manifest): Promise<void> {
  manifest.generation++
  const { files, incoming, problems, unshown, ...rest } = manifest
  const stored: Stored = {
    ...rest,
    files: [...files],
    incoming: [...incoming],
    problems: [...problems],
    unshown: [...unshown],
  }
  const partial = `${fileOf(folder)}.partial`
  const file = await open(partial, 'w', 0o600)
  try {
    await file.writeFile(JSON.stringify(stored))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, fileOf(folder))
}

/** Manifests as they were read last: most comparisons find that nothing has changed. */
export class Manifests {
  readonly #capacity: number
  readonly #known = new Map<string, { stamp: string; manifest: Manifest }>()

  constructor(capacity = 500) {
    this.#capacity = capacity
  }

  async load(folder: string): Promise<Manifest> {
    const stamp = await stampOf(folder)
    const known = this.#known.get(folder)
    if (known && stamp !== undefined && known.stamp === stamp) return known.manifest
    const manifest = await loadManifest(folder)
    await this.#keep(folder, manifest)
    return manifest
  }

  async save(folder: string, manifest: Manifest): Promise<void> {
    this.#known.delete(folder)
    await saveManifest(folder, manifest)
    await this.#keep(folder, manifest)
  }

  /** What was changed in memory and not saved is forgotten. */
  forget(folder: string): void {
    this.#known.delete(folder)
  }

  async #keep(folder: string, manifest: Manifest): Promise<void> {
    const stamp = await stampOf(folder)
    if (stamp === undefined) return
    this.#known.delete(folder)
    this.#known.set(folder, { stamp, manifest })
    if (this.#known.size > this.#capacity) this.#known.delete(this.#known.keys().next().value!)
  }
}

/** Every save makes a new file, so its inode and time tell one from the other. */
async function stampOf(folder: string): Promise<string | undefined> {
  const found = await stat(fileOf(folder), { bigint: true }).catch(() => undefined)
  return found && `${found.ino}:${found.mtimeNs}:${found.size}`
}

/** Takes down a problem; what the agent has been told already is not told again. */
export function note(
  problems: Map<string, Problem>,
  before: ReadonlyMap<string, Problem>,
  path: string,
  problem: Problem,
): void {
  const known = before.get(path)
  problems.set(path, known?.told && known.reason === problem.reason ? { ...problem, told: true } : problem)
}

import os from 'node:os'
import path from 'node:path'

/** Release of the Temporal CLI that is downloaded or built; `temporal/go.mod` names the same. */
export const release = '1.5.1'

/** Raised when what is built changes and the release does not: one that was built before is not taken any more. */
const edition = 2

/** Folder of the binary that was downloaded or built, outside of any checkout so that fresh clones find it. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache')
  return path.join(base, 'holdfast', `temporal-${release}-${edition}`)
}

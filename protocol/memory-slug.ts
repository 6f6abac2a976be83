/** The folders of memory stores in a session's container. Source: spec §17.5. */

/** Characters of a folder's name; a number may follow. */
const longest = 200

/**
 * The folder of a store below /mnt/memory: its name in lower case, every run of other characters than ASCII letters and
 * digits one hyphen, none at the ends. A number follows when the name is taken.
 */
export function memoryFolder(name: string, taken: ReadonlySet<string>): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, longest)
    .replace(/^-|-$/g, '')
  const base = `/mnt/memory/${slug || 'store'}`
  for (let number = 1; ; number++) {
    const folder = number === 1 ? base : `${base}-${number}`
    if (!taken.has(folder)) return folder
  }
}

import { access, readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Mount } from '../container/provider.ts'

const folder = '/etc/apt'

/**
 * What apt has to know of the host to install: its sources, their keys, and what is there already. Nothing of its
 * credentials: a source that has some in its address is left out.
 * @param sources a file in the place of the host's own sources
 */
export async function aptMounts(sources?: string): Promise<Mount[]> {
  const keys = await Promise.all(['trusted.gpg.d', 'keyrings', 'preferences.d'].map((name) => named(name, /^[^.]/)))
  const own = sources
    ? [{ target: `${folder}/sources.list`, source: sources, mode: 'ro' as const }]
    : (await ownSources()).map(asItIs)
  return [...own, ...keys.flat().map(asItIs), asItIs('/var/lib/dpkg/status')]
}

const asItIs = (file: string): Mount => ({ target: file, source: file, mode: 'ro' })

async function ownSources(): Promise<string[]> {
  const files = [path.join(folder, 'sources.list'), ...(await named('sources.list.d', /\.(list|sources)$/))]
  const usable = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(file, 'utf8').catch(() => undefined)
      return text !== undefined && !/:\/\/[^/\s]*@/.test(text) ? [file] : []
    }),
  )
  return usable.flat()
}

/** Files of a folder that can be read. */
async function named(name: string, which: RegExp): Promise<string[]> {
  const names = await readdir(path.join(folder, name)).catch(() => [])
  const files = names.filter((entry) => which.test(entry)).map((entry) => path.join(folder, name, entry))
  const found = await Promise.all(
    files.map((file) =>
      access(file).then(
        () => [file],
        () => [],
      ),
    ),
  )
  return found.flat()
}

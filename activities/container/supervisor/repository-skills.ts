import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import path from 'node:path'

/** A folder with a SKILL.md, and how the file begins. */
export interface FoundSkill {
  folder: string
  /** To the end of its front matter. */
  beginning: string
}

/** Where repositories have skills, one level deep. Source: spec §12.4. */
const place = '.claude/skills'
/** What of a file is looked at. */
const mostBytes = 5000
/** Characters of all of them together, as they are told: the answer to a call has no room for more. */
const mostCharacters = 50_000

/** The skills of a repository that is checked out, by name; what cannot be read is none. */
export async function repositorySkills(repository: string): Promise<FoundSkill[]> {
  const names = await readdir(path.join(repository, place)).catch(() => [])
  const found: FoundSkill[] = []
  for (const folder of names.sort()) {
    const beginning = await frontMatterOf(path.join(repository, place, folder, 'SKILL.md')).catch(() => undefined)
    if (beginning === undefined) continue
    found.push({ folder, beginning })
    if (JSON.stringify(found).length > mostCharacters) return found.slice(0, -1)
  }
  return found
}

async function frontMatterOf(file: string): Promise<string | undefined> {
  // A pipe, which a link in the repository may lead to, would be waited for.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    if (!(await handle.stat()).isFile()) return undefined
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(mostBytes), 0, mostBytes, 0)
    return /^\uFEFF?---[ \t]*\r?\n[\s\S]*?\n---[ \t]*(?=\r?\n|$)/.exec(buffer.toString('utf8', 0, bytesRead))?.[0]
  } finally {
    await handle.close()
  }
}

import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { packageRoot } from '../../worker/package-root.ts'

export interface Snippet {
  language: string
  code: string
  /** Of its first line. */
  line: number
}

export interface Document {
  /** Relative to the repository. */
  name: string
  text: string
  snippets: Snippet[]
}

/** The documents that users read. */
export function documents(): Document[] {
  const docs = readdirSync(path.join(packageRoot, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
  const examples = readdirSync(path.join(packageRoot, 'examples'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `examples/${name}/README.md`)
  return ['README.md', 'CHANGELOG.md', 'bench/README.md', ...docs, ...examples].map((name) => {
    const text = readFileSync(path.join(packageRoot, name), 'utf8')
    const snippets = [...text.matchAll(/^```(\w+)[^\n]*\n([\s\S]*?)^```/gm)].map(({ 1: language, 2: code, index }) => ({
      language: language!,
      code: code!,
      line: text.slice(0, index).split('\n').length + 1,
    }))
    return { name, text, snippets }
  })
}

/** The anchors that a document's headings make, as code hosts make them. */
export const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(({ 1: heading }) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

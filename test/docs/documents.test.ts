import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { transitions } from '../../protocol/status.ts'
import { packageRoot } from '../../worker/package-root.ts'
import { anchorsOf, documents } from './documents.ts'

const all = documents()

describe('a link in the documents', () => {
  it.each(all.map(({ name, text }) => [name, text]))('leads somewhere: %s', (name, text) => {
    const prose = text.replace(/^```[\s\S]*?^```/gm, '')
    const broken = [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(({ 1: link }) => link!)
      .filter((link) => !/^https?:/.test(link))
      .filter((link) => {
        const [file = '', anchor] = link.split('#')
        const target = file === '' ? path.join(packageRoot, name) : path.join(packageRoot, path.dirname(name), file)
        if (!existsSync(target)) return true
        return anchor !== undefined && !anchorsOf(readFileSync(target, 'utf8')).includes(anchor)
      })
    expect(broken).toEqual([])
  })

  it('is there for every document: none is reached by nobody', () => {
    const linked = all.flatMap(({ name, text }) =>
      [...text.matchAll(/\]\(([^)#\s]+\.md)/g)].map(({ 1: link }) => path.join(path.dirname(name), link!)),
    )
    const unreached = all.map(({ name }) => name).filter((name) => name.startsWith('docs/') && !linked.includes(name))
    expect(unreached).toEqual([])
  })
})

describe('the drawing of the lifecycle', () => {
  it('is the table that sessions obey', () => {
    const { text } = all.find(({ name }) => name === 'docs/sessions.md')!
    const drawn = /<!-- generated: lifecycle -->\n```mermaid\n([\s\S]*?)```/.exec(text)?.[1]
    const steps = Object.entries(transitions).flatMap(([from, facts]) =>
      Object.entries(facts).map(([fact, to]) => `  ${from} --> ${to}: ${fact}`),
    )
    const lines = drawn?.trimEnd().split('\n') ?? []
    expect(lines.toSorted()).toEqual(
      ['stateDiagram-v2', '  [*] --> idle: create', ...steps, '  terminated --> [*]'].toSorted(),
    )
  })
})

describe('a command in the documents', () => {
  it('is one that there is', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'))
    const named = all
      .filter(({ name }) => name !== 'CHANGELOG.md')
      .flatMap(({ text }) => [...text.matchAll(/\bnpm run ([\w-]+)/g)].map(({ 1: script }) => script!))
    expect(named.filter((script) => !(script in scripts))).toEqual([])
  })
})

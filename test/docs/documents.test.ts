import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { holdfastProgram } from '../../cli/program.ts'
import { commandReference } from '../../cli/reference.ts'
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

describe('the commands of holdfast', () => {
  const program = holdfastProgram()

  it('are all in docs/cli.md, as they are (node scripts/write-cli-reference.ts)', () => {
    const { text } = all.find(({ name }) => name === 'docs/cli.md')!
    expect(/<!-- generated: commands -->\n\n([\s\S]*?)\n\n<!-- end -->/.exec(text)?.[1]).toBe(commandReference(program))
  })

  const called = all
    .flatMap(({ name, text }) => {
      const fenced = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(({ 1: code }) =>
        code!.replaceAll('\\\n', ' ').split('\n'),
      )
      const inline = [...text.matchAll(/`((?:npx )?holdfast [^`]+)`/g)].map(({ 1: code }) => code!)
      return [...fenced, ...inline].map((line) => ({ name, line }))
    })
    .flatMap(({ name, line }) => {
      const [, words] = /^(?:npx )?holdfast (.*)$/.exec(line.replace(/ #.*| \|.*/, '').trim()) ?? []
      return words === undefined || /^</.test(words) ? [] : [{ name, words }]
    })
    .filter(({ name }) => name !== 'CHANGELOG.md')

  it.each(called)('are called in the documents as they are: $name, $words', ({ words }) => {
    let command: Command = program
    const given = words.match(/'[^']*'|\S+/g) ?? []
    for (const word of given) {
      const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word))
      if (!next) break
      command = next
    }
    expect(command).not.toBe(program)
    const known = command.options.flatMap(({ long, short }) => [long, short])
    const options = given.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split('=')[0])
    expect(options.filter((option) => !known.includes(option) && option !== '--help')).toEqual([])
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

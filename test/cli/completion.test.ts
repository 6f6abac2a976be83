import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { completionScript, shells } from '../../cli/completion/scripts.ts'
import { holdfastProgram } from '../../cli/program.ts'

const program = holdfastProgram()

/** What bash would offer for these words, the last of which is being typed. */
function offered(...words: string[]): string[] {
  const script = `${completionScript(program, 'bash')}
COMP_WORDS=(holdfast ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
_holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n')
}

describe('completion', () => {
  it('offers commands, their commands and their options, past what stands between', () => {
    expect(offered('ses')).toEqual(['sessions'])
    expect(offered('sessions', 'ta')).toEqual(['tail'])
    expect(offered('session', 'cre')).toEqual(['create'])
    expect(offered('memory-stores', 'memories', '')).toEqual(expect.arrayContaining(['list', 'show', 'put', 'delete']))
    expect(offered('sessions', 'tail', 'sesn_1', '--af')).toEqual(['--after'])
    expect(offered('completion', '')).toEqual([...shells])
  })

  it('has every command of the tree for every shell', () => {
    const names = program.commands.flatMap((command) => [command, ...command.commands]).map((command) => command.name())
    for (const shell of shells) {
      const script = completionScript(program, shell)
      for (const name of names) expect(script).toContain(name)
    }
  })
})

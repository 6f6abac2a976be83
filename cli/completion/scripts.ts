import type { Command } from 'commander'
import { type CompletionNode, completionNodes } from './tree.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** A script that completes the commands and options of the tree; other words are completed as files. */
export function completionScript(program: Command, shell: Shell): string {
  const name = program.name()
  const nodes = completionNodes(program)
  if (shell === 'fish') return fish(name, nodes)
  return shell === 'zsh' ? zsh(name, nodes) : bash(name, nodes)
}

/** Single quotes hold everything but themselves. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
const key = ({ path }: CompletionNode) => quoted(path.join(' '))
const wordsOf = ({ commands, choices }: CompletionNode) => [...commands.map(({ name }) => name), ...choices]

/** Walks along the words that are commands, over options and their values: shared by bash and zsh. */
const walk = (nodes: CompletionNode[]) => {
  const groups = nodes.filter(({ commands }) => commands.length > 0)
  const steps = groups.flatMap(({ path, commands }) => commands.map(({ name }) => [...path, name].join(' ')))
  const aliased = nodes.map(({ path }) => path.join(' ')).filter((path) => path !== '')
  return [...new Set([...steps, ...aliased])].map(quoted).join('|')
}

function bash(name: string, nodes: CompletionNode[]): string {
  const cases = nodes.map(
    (node) =>
      `    ${key(node)}) words=${quoted(wordsOf(node).join(' '))}; options=${quoted(node.options.map(({ flag }) => flag).join(' '))};;`,
  )
  return `# bash completion of ${name}, made by: ${name} completion bash
_${name}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" at='' next words='' options='' index
  for ((index = 1; index < COMP_CWORD; index++)); do
    next="\${at:+$at }\${COMP_WORDS[index]}"
    case "$next" in
      ${walk(nodes)}) at="$next";;
    esac
  done
  case "$at" in
${cases.join('\n')}
  esac
  if [[ "$current" == -* ]]; then words="$options"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _${name} ${name}
`
}

function zsh(name: string, nodes: CompletionNode[]): string {
  const described = (word: string, description: string) => quoted(`${word.replaceAll(':', '\\:')}:${description}`)
  const cases = nodes.map((node) => {
    const words = [
      ...node.commands.map((command) => described(command.name, command.description)),
      ...node.choices.map((choice) => described(choice, '')),
    ]
    const options = node.options.map(({ flag, description }) => described(flag, description))
    return `    ${key(node)}) commands=(${words.join(' ')}); options=(${options.join(' ')});;`
  })
  return `#compdef ${name}
# zsh completion of ${name}, made by: ${name} completion zsh
_${name}() {
  local at='' next index
  local -a typed options
  typed=("\${words[@]}")
  for ((index = 2; index < CURRENT; index++)); do
    next="\${at:+$at }\${typed[index]}"
    case "$next" in
      ${walk(nodes)}) at="$next";;
    esac
  done
  local -a commands
  case "$at" in
${cases.join('\n')}
  esac
  if [[ "\${typed[CURRENT]}" == -* ]]; then _describe option options
  elif (( \${#commands} )); then _describe command commands
  else _files
  fi
}
if [ "$funcstack[1]" = "_${name}" ]; then _${name} "$@"; else compdef _${name} ${name}; fi
`
}

function fish(name: string, nodes: CompletionNode[]): string {
  const lines = nodes.flatMap((node) => {
    const at = `-n ${quoted(`__${name}_at ${quoted(node.path.join(' ')).replaceAll("'", '"')}`)}`
    return [
      ...node.commands.map(
        (each) => `complete -c ${name} -f ${at} -a ${quoted(each.name)} -d ${quoted(each.description)}`,
      ),
      ...node.choices.map((choice) => `complete -c ${name} -f ${at} -a ${quoted(choice)}`),
      ...node.options.map(({ flag, description, takesValue }) => {
        const kind = flag.startsWith('--') ? `-l ${quoted(flag.slice(2))}` : `-s ${quoted(flag.slice(1))}`
        return `complete -c ${name} ${at} ${kind}${takesValue ? ' -r' : ''} -d ${quoted(description)}`
      }),
    ]
  })
  return `# fish completion of ${name}, made by: ${name} completion fish
function __${name}_at
  set -l at ''
  for word in (commandline -opc)[2..]
    set -l next (string trim "$at $word")
    switch $next
      case ${walk(nodes).replaceAll('|', ' ')}
        set at $next
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`
}

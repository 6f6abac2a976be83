import type { Command, Option } from 'commander'

/** The commands as Markdown, made of the tree that runs them. */
export function commandReference(program: Command): string {
  const groups = program.commands.filter((command) => command.commands.length > 0)
  const alone = program.commands.filter((command) => command.commands.length === 0)
  const table = (commands: Command[]) =>
    ['| command | what it does | options |', '|---|---|---|', ...commands.map(row)].join('\n')
  return [
    table(alone),
    ...groups.map((group) => {
      const also = group.aliases().length > 0 ? ` (also \`${group.aliases().join('`, `')}\`)` : ''
      return `### ${group.name()}\n\n${cell(group.description())}${also}.\n\n${table(leaves(group))}`
    }),
  ].join('\n\n')
}

const leaves = (group: Command): Command[] =>
  group.commands.flatMap((command) => (command.commands.length > 0 ? leaves(command) : [command]))

function row(command: Command): string {
  const words = command.registeredArguments.map((argument) => {
    const name = argument.variadic ? `${argument.name()}...` : argument.name()
    return argument.required ? `<${name}>` : `[${name}]`
  })
  const options = command.options.filter(({ hidden }) => !hidden).map(flags)
  return `| \`${[pathOf(command), ...words].join(' ')}\` | ${cell(command.description())} | ${options.join(' ')} |`
}

const flags = ({ long, short, flags: all }: Option) => {
  const value = /[<[].*$/.exec(all)?.[0]
  return `\`${[long ?? short, ...(value ? [value] : [])].join(' ').replaceAll('|', '\\|')}\``
}

function pathOf(command: Command): string {
  const names: string[] = []
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name())
  return names.join(' ')
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

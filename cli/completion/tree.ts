import type { Command } from 'commander'

/** A command with what may follow it. */
export interface CompletionNode {
  /** The words that lead to it, without the program's name. */
  path: string[]
  commands: { name: string; description: string }[]
  options: { flag: string; description: string; takesValue: boolean }[]
  /** Fixed words for its first argument. */
  choices: string[]
}

/** Every command of the tree, flat; aliases lead to the same words. */
export function completionNodes(command: Command, path: string[] = []): CompletionNode[] {
  const subcommands = command.createHelp().visibleCommands(command)
  const options = command.createHelp().visibleOptions(command)
  const node: CompletionNode = {
    path,
    commands: subcommands.map((each) => ({ name: each.name(), description: each.description() })),
    options: options.flatMap((option) =>
      [option.long, option.short].flatMap((flag) =>
        flag ? [{ flag, description: option.description, takesValue: option.required || option.optional }] : [],
      ),
    ),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  }
  return [node, ...subcommands.flatMap((each) => branches(each, path))]
}

function branches(command: Command, path: string[]): CompletionNode[] {
  if (command.name() === 'help') return []
  return [command.name(), ...command.aliases()].flatMap((name) => completionNodes(command, [...path, name]))
}

import { Argument, type Command } from 'commander'
import { completionScript, type Shell, shells } from '../completion/scripts.ts'

/** `holdfast completion SHELL` */
export function completionCommand(program: Command): void {
  program
    .command('completion')
    .description('print a script that completes commands and options')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      `
bash:  holdfast completion bash > ~/.local/share/bash-completion/completions/holdfast
zsh:   holdfast completion zsh > "\${fpath[1]}/_holdfast"
fish:  holdfast completion fish > ~/.config/fish/completions/holdfast.fish`,
    )
    .action((shell: Shell) => void process.stdout.write(completionScript(program, shell)))
}

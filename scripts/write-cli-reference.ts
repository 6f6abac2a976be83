/** `node scripts/write-cli-reference.ts`: brings the table of commands in docs/cli.md up to date. */
import { readFileSync, writeFileSync } from 'node:fs'
import { holdfastProgram } from '../cli/program.ts'
import { commandReference } from '../cli/reference.ts'

const file = new URL('../docs/cli.md', import.meta.url)
const [before, after] = ['<!-- generated: commands -->', '<!-- end -->']
const text = readFileSync(file, 'utf8')
const start = text.indexOf(before) + before.length
writeFileSync(
  file,
  `${text.slice(0, start)}\n\n${commandReference(holdfastProgram())}\n\n${text.slice(text.indexOf(after))}`,
)

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A name as long as names can be: of 17 folders within each other the kernel takes no path any more. */
export const longName = 'n'.repeat(255)

/**
 * Makes folders within each other below `top`, step by step as a command in a container can, and `files` files in the
 * innermost.
 */
export async function makeDeep(top: string, { levels, files = 1 }: { levels: number; files?: number }): Promise<void> {
  const script = `
    const { mkdirSync, writeFileSync } = require('node:fs')
    for (let level = 0; level < ${levels}; level++) {
      mkdirSync('${longName}')
      process.chdir('${longName}')
    }
    for (let file = 0; file < ${files}; file++) writeFileSync(String(file).padStart(255, 'f'), '')`
  await promisify(execFile)(process.execPath, ['-e', script], { cwd: top })
}

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Version of the server inside a Temporal CLI, such as `1.29.1`.
 * @throws Error when the file is no Temporal CLI that runs here
 */
export async function serverVersion(binary: string): Promise<string> {
  let output: string
  try {
    output = (await run(binary, ['--version'], { timeout: 30_000 })).stdout
  } catch (error) {
    const { message } = error as Error
    throw new Error(`${binary} does not run: ${message.split('\n')[0]}`, { cause: error })
  }
  const version = /Server (\d+\.\d+\.\d+)/.exec(output)?.[1]
  if (!version)
    throw new Error(`${binary} is no Temporal CLI: it answers --version with ${JSON.stringify(output.slice(0, 80))}`)
  return version
}

/** Negative when `a` is older than `b`, positive when it is newer. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)]
  for (const [index, part] of left.entries()) {
    const difference = part - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

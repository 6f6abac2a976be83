import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { alone } from '../../activities/alone.ts'

const run = promisify(execFile)
export const pythonFolder = fileURLToPath(new URL('../python', import.meta.url))

/**
 * A Python that has what a file in test/python asks for, made once and kept in the cache of the user.
 * @param file @default the official SDK
 */
export async function python(file = 'requirements.txt'): Promise<string> {
  const requirements = path.join(pythonFolder, file)
  const name = createHash('sha256')
    .update(await readFile(requirements))
    .digest('hex')
    .slice(0, 12)
  const cache = path.join(process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'holdfast')
  const home = path.join(cache, `python-${name}`)
  // Files of tests run side by side.
  await alone(home, async () => {
    const isMade = await access(path.join(home, 'complete')).then(
      () => true,
      () => false,
    )
    if (isMade) return
    await mkdir(cache, { recursive: true })
    await rm(home, { recursive: true, force: true })
    // A virtual environment knows its own path, so it is made in place; the mark says that it is whole.
    await run('python3', ['-m', 'venv', home])
    const options = ['--quiet', '--disable-pip-version-check', '--no-compile', '-r', requirements]
    await run(path.join(home, 'bin', 'pip'), ['install', ...options])
    await mkdir(path.join(home, 'partial'))
    await rename(path.join(home, 'partial'), path.join(home, 'complete'))
  })
  return path.join(home, 'bin', 'python')
}

/** Runs one of the scripts in test/python and returns the JSON object that it prints. */
export async function runPython(script: string, ...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await run(await python(), [path.join(pythonFolder, script), ...args], {
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout)
}

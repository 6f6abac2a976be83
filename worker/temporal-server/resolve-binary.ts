import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import path from 'node:path'
import { serverVersion } from './binary-version.ts'
import { buildBinary } from './build.ts'
import { downloadBinary } from './download.ts'
import { cacheDirectory, release } from './release.ts'

export interface TemporalBinary {
  path: string
  source: 'TEMPORAL_CLI_PATH' | 'PATH' | 'cache' | 'download' | 'build'
}

/** A way to get the binary: leaves it at `target`, whole or not at all. */
export type Provision = (target: string, report: (line: string) => void) => Promise<void>

export interface ResolveOptions {
  /** @default process.env */
  env?: NodeJS.ProcessEnv
  /** Told what is being done, a line at a time. */
  report?: (line: string) => void
  /** Ways to get a binary that is not here yet, in the order in which they are tried. */
  provisions?: { source: 'download' | 'build'; provide: Provision }[]
}

const ways: NonNullable<ResolveOptions['provisions']> = [
  { source: 'download', provide: downloadBinary },
  { source: 'build', provide: buildBinary },
]

/**
 * The Temporal CLI that is here already: named by TEMPORAL_CLI_PATH, on PATH, or in the cache. Needs no network.
 * @throws TemporalUnavailable when TEMPORAL_CLI_PATH names something else
 */
export async function findBinary(env: NodeJS.ProcessEnv = process.env): Promise<TemporalBinary | undefined> {
  const named = env.TEMPORAL_CLI_PATH
  if (named) {
    const problem = await serverVersion(named).then(
      () => undefined,
      (error: Error) => error.message,
    )
    if (problem) throw new TemporalUnavailable([`TEMPORAL_CLI_PATH: ${problem}`])
    return { path: named, source: 'TEMPORAL_CLI_PATH' }
  }
  for (const folder of (env.PATH ?? '').split(path.delimiter)) {
    const candidate = path.join(folder, 'temporal')
    // Something else may have this name: only one that says it is the Temporal CLI counts.
    if (path.isAbsolute(folder) && (await isExecutable(candidate)) && (await isTemporal(candidate))) {
      return { path: candidate, source: 'PATH' }
    }
  }
  const cached = path.join(cacheDirectory(env), 'temporal')
  return (await isExecutable(cached)) ? { path: cached, source: 'cache' } : undefined
}

/**
 * The Temporal CLI: what is here already, otherwise downloaded by Temporal's SDK, otherwise built from the Go module
 * that this package pins. What was downloaded or built is kept outside the checkout and found the next time.
 * @throws TemporalUnavailable with every way that was tried and what to type
 */
export async function resolveBinary(options: ResolveOptions = {}): Promise<TemporalBinary> {
  const { env = process.env, report = () => {}, provisions = ways } = options
  const found = await findBinary(env)
  if (found) return found

  const target = path.join(cacheDirectory(env), 'temporal')
  const tried = ['TEMPORAL_CLI_PATH: not set', 'PATH: no `temporal`', `cache: no ${target}`]
  for (const { source, provide } of provisions) {
    try {
      await provide(target, report)
      return { path: target, source }
    } catch (error) {
      const problem = `${source}: ${(error as Error).message}`
      report(problem)
      tried.push(problem)
    }
  }
  throw new TemporalUnavailable(tried)
}

/** No Temporal server can be started here. Its text lists what was tried and every way out. */
export class TemporalUnavailable extends Error {
  override readonly name = 'TemporalUnavailable'
  readonly tried: string[]

  constructor(tried: string[]) {
    super(
      [
        'no Temporal server was found:',
        ...tried.map((problem) => `  - ${problem}`),
        'One of these mends it:',
        '  - a server that runs elsewhere:       export TEMPORAL_ADDRESS=HOST:7233',
        '  - a Temporal CLI that is installed:   export TEMPORAL_CLI_PATH=/path/to/temporal',
        '  - installing it (macOS, Linuxbrew):   brew install temporal',
        '  - Go, with which it is built here:    sudo apt-get install golang-go   (or any Go 1.21 or newer)',
        `  - the CLI ${release} from Temporal's releases on GitHub, unpacked into a folder on PATH`,
      ].join('\n'),
    )
    this.tried = tried
  }
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}

const isTemporal = (file: string) =>
  serverVersion(file).then(
    () => true,
    () => false,
  )

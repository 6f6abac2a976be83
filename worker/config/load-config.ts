import { access } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { BlobsPlace } from '../../store/open-blobs.ts'
import { isPostgresUrl } from '../../store/records-url.ts'
import { ConfigError, problemsOf } from './config-error.ts'
import { Secrets } from './secrets.ts'
import { type HoldfastConfig, type Settings, settingsSchema } from './settings.ts'
import { type TemporalConnection, temporalConnection } from './temporal-connection.ts'

export interface LoadOptions {
  /** Root of the project. @default process.cwd() */
  cwd?: string
  /** @default process.env */
  env?: NodeJS.ProcessEnv
  /** What the command line says; it wins over the file. */
  overrides?: HoldfastConfig
}

/** The whole configuration: the file's settings with their defaults, the environment's, and absolute paths. */
export interface Config extends Omit<Settings, 'temporal' | 'records' | 'blobs' | 'session'> {
  /** The file it was read from, when there is one. */
  file?: string
  /** Absolute. */
  data: string
  temporal: Settings['temporal'] & {
    namespace: string
    /** Absent: Holdfast starts a server of its own. */
    connection?: TemporalConnection
  }
  session: Settings['session'] & { webhooks?: boolean }
  records: { url: string; connections: number }
  blobs: BlobsPlace
  secrets: Secrets
}

const fileNames = ['temporal.config.ts', 'temporal.config.mts', 'temporal.config.js', 'temporal.config.mjs']

/**
 * Reads `temporal.config.ts` (or .mts, .js, .mjs) of the project, which may be missing, and the environment.
 * @throws ConfigError that names the wrong setting, its file and the accepted values
 */
export async function loadConfig({
  cwd = process.cwd(),
  env = process.env,
  overrides = {},
}: LoadOptions = {}): Promise<Config> {
  const file = await findFile(cwd)
  const fromFile = file ? check(await importConfig(file), path.relative(cwd, file)) : {}
  const settings = settingsSchema.parse(merge(fromFile, check(overrides, 'command line')))

  // ANTHROPIC_BASE_URL wins, as every other variable does.
  const baseURL = env.ANTHROPIC_BASE_URL || settings.model.baseURL
  if (baseURL && !/^https?:\/\//.test(baseURL)) {
    throw new ConfigError('environment', ['ANTHROPIC_BASE_URL: expected a URL with http: or https:'])
  }
  const data = path.resolve(cwd, settings.data)
  const records = env.HOLDFAST_RECORDS_URL
    ? check({ records: { url: env.HOLDFAST_RECORDS_URL } }, 'environment').records
    : settings.records
  return {
    ...settings,
    ...(file && { file }),
    data,
    temporal: { ...settings.temporal, ...temporalConnection(settings.temporal, env) },
    model: { ...settings.model, ...(baseURL && { baseURL }) },
    session: { ...settings.session, ...(settings.webhooks.length > 0 && { webhooks: true }) },
    records: { url: recordsUrl(records?.url, cwd, data), connections: settings.records.connections },
    blobs: blobsPlace(settings.blobs, cwd, data),
    secrets: new Secrets(env),
  }
}

async function findFile(cwd: string): Promise<string | undefined> {
  for (const name of fileNames) {
    const file = path.join(cwd, name)
    if (
      await access(file).then(
        () => true,
        () => false,
      )
    )
      return file
  }
  return undefined
}

async function importConfig(file: string): Promise<unknown> {
  let module: { default?: unknown }
  try {
    module = await import(pathToFileURL(file).href)
  } catch (error) {
    throw new ConfigError(file, [`cannot be loaded: ${(error as Error).message}`], { cause: error })
  }
  if (module.default === undefined) {
    throw new ConfigError(file, ['has no default export; write: export default defineConfig({ ... })'])
  }
  return module.default
}

/** Checks one source by itself, so that the message names it. The defaults come when all are merged. */
function check(input: unknown, where: string): HoldfastConfig {
  const result = settingsSchema.safeParse(input)
  if (!result.success) throw new ConfigError(where, problemsOf(result.error, settingsSchema))
  return input as HoldfastConfig
}

function recordsUrl(url: string | undefined, cwd: string, data: string): string {
  if (url && isPostgresUrl(url)) return url
  return `sqlite:${url ? path.resolve(cwd, url.slice('sqlite:'.length)) : path.join(data, 'records.db')}`
}

function blobsPlace({ directory, s3 }: Settings['blobs'], cwd: string, data: string): BlobsPlace {
  if (s3) return { s3 }
  return { directory: directory ? path.resolve(cwd, directory) : path.join(data, 'blobs') }
}

type Plain = Record<string, unknown>

function merge(base: Plain, over: Plain): Plain {
  const merged: Plain = { ...base }
  for (const [key, value] of Object.entries(over)) {
    if (value !== undefined) merged[key] = isPlain(value) && isPlain(base[key]) ? merge(base[key], value) : value
  }
  return merged
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

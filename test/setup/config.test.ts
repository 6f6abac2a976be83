import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../worker/config/load-config.ts'
import type { HoldfastConfig } from '../../worker/config/settings.ts'
import { connectionOptions } from '../../worker/config/temporal-connection.ts'
import { packageRoot } from '../../worker/package-root.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** A project with this configuration file. Plain JavaScript unless the test is about TypeScript. */
async function project(source: string, name = 'temporal.config.mjs'): Promise<string> {
  const folder = await temporaryFolder()
  await writeFile(path.join(folder, name), source)
  return folder
}

// Temporal's own configuration file of the machine must not reach into the tests.
const env = { TEMPORAL_CONFIG_FILE: '/nonexistent/temporal.toml' }

const day = 24 * 3600_000

describe('the configuration', () => {
  it('needs no file', async () => {
    const cwd = await temporaryFolder()
    const config = await loadConfig({ cwd, env })
    expect(config.file).toBeUndefined()
    expect(config.data).toBe(path.join(cwd, '.holdfast'))
    expect(config.records.url).toBe(`sqlite:${path.join(cwd, '.holdfast', 'records.db')}`)
    expect(config.session).toEqual({
      rollOverEvents: 400,
      modelAttempts: 8,
      retryInitialMs: 500,
      retryMaximumMs: 30_000,
      modelTimeoutMs: 1_800_000,
      toolTimeoutMs: 7_200_000,
      heartbeatTimeoutMs: 3000,
      maxStepsPerTurn: 500,
    })
    expect(config.temporal.connection).toBeUndefined()
  })

  it('has records in SQLite or PostgreSQL, as the variable says before the file', async () => {
    const cwd = await temporaryFolder()
    const recordsOf = async (url: string | undefined, HOLDFAST_RECORDS_URL?: string) =>
      (
        await loadConfig({
          cwd,
          env: { ...env, HOLDFAST_RECORDS_URL },
          overrides: { records: { url, connections: 3 } },
        })
      ).records
    expect(await recordsOf('sqlite:a.db')).toEqual({ url: `sqlite:${path.join(cwd, 'a.db')}`, connections: 3 })
    const postgres = 'postgres://me:hunter2@db/holdfast'
    expect(await recordsOf(postgres)).toEqual({ url: postgres, connections: 3 })
    expect(await recordsOf(postgres, 'sqlite:b.db')).toEqual({
      url: `sqlite:${path.join(cwd, 'b.db')}`,
      connections: 3,
    })
    expect(await recordsOf(undefined, 'postgresql://')).toEqual({ url: 'postgresql://', connections: 3 })
    for (const [url, variable] of [['mysql://me:hunter2@db/x'], [undefined, 'mysql://me:hunter2@db/x']]) {
      const error = await recordsOf(url, variable).catch((error) => error)
      expect(error.message).toContain('records.url: expected sqlite:PATH or postgres://')
      expect(error.message).not.toContain('hunter2')
    }
  })

  it('has blobs in a folder, or in a bucket', async () => {
    const cwd = await temporaryFolder()
    const blobsOf = async (blobs: HoldfastConfig['blobs']) =>
      (await loadConfig({ cwd, env, overrides: { blobs } })).blobs
    expect(await blobsOf({})).toEqual({ directory: path.join(cwd, '.holdfast', 'blobs') })
    expect(await blobsOf({ directory: 'b' })).toEqual({ directory: path.join(cwd, 'b') })
    const s3 = {
      bucket: 'ours',
      prefix: 'a/b/',
      region: 'eu-central-1',
      endpoint: 'https://s3.example',
      forcePathStyle: false,
    }
    expect(await blobsOf({ s3 })).toEqual({ s3 })
    await expect(blobsOf({ directory: 'b', s3 })).rejects.toThrow('blobs.s3: give either a directory or a bucket')
  })

  it.each([
    [{}, 'bucket'],
    [{ bucket: 'ours--x-s3' }, 'general purpose'],
    [{ bucket: 'ours', prefix: 'a' }, 'ends with a slash'],
    [{ bucket: 'ours', prefix: '../' }, 'ends with a slash'],
    [{ bucket: 'ours', prefix: '/' }, 'ends with a slash'],
    [{ bucket: 'ours', endpoint: 's3.example' }, 'http: or https:'],
    [{ bucket: 'ours', endpoint: 'https://key:SECRET@s3.example' }, 'belong in the environment'],
    [{ bucket: 'ours', secretAccessKey: 'SECRET' }, 'no such setting'],
  ])('refuses %j for a bucket, and repeats no secret', async (s3, said) => {
    const cwd = await project(`export default { blobs: { s3: ${JSON.stringify(s3)} } }`)
    const error: Error = await loadConfig({ cwd, env }).then(
      () => new Error('accepted'),
      (error) => error,
    )
    expect(error.message).toContain(said)
    expect(error.message).not.toContain('SECRET')
  })

  it('is the same with the commented example of this repository', async () => {
    const cwd = await temporaryFolder()
    const { file, ...example } = await loadConfig({ cwd: packageRoot, env, overrides: { data: path.join(cwd, 'd') } })
    expect(file).toBe(path.join(packageRoot, 'temporal.config.ts'))
    expect(example).toEqual(await loadConfig({ cwd, env, overrides: { data: path.join(cwd, 'd') } }))
  })

  it('is read from the file, over which the command line wins', async () => {
    const cwd = await project('export default { server: { port: 5000 }, session: { modelAttempts: 3 } }')
    const config = await loadConfig({ cwd, env, overrides: { server: { host: '::1' } } })
    expect(config.server).toEqual({ host: '::1', port: 5000 })
    expect(config.session.modelAttempts).toBe(3)
  })

  it('names a wrong setting with its file and what is accepted', async () => {
    const cwd = await project('export default { container: { provider: "chroot" }, worker: { processes: 0 } }')
    const wrong = loadConfig({ cwd, env })
    await expect(wrong).rejects.toThrow(/temporal\.config\.mjs: container\.provider: .*"auto"\|"bubblewrap"/)
    await expect(wrong).rejects.toThrow(/temporal\.config\.mjs: worker\.processes: .*>=1/)
  })

  it('names a setting that does not exist, and those that do', async () => {
    const cwd = await project('export default { model: { baseUrl: "http://127.0.0.1" } }')
    await expect(loadConfig({ cwd, env })).rejects.toThrow(
      'model.baseUrl: no such setting; there are: baseURL, maxOutputTokens, stallTimeoutMs',
    )
  })

  it('holds /tmp of a container to a quarter of its memory', async () => {
    const cwd = await project('export default { container: { limits: { memoryBytes: 2 ** 28 } } }')
    await expect(loadConfig({ cwd, env })).rejects.toThrow(
      'container.limits.tmpBytes: must be at most a quarter of memoryBytes',
    )
  })

  it.each([
    ['container.idleMs', { container: { idleMs: 25 * day } }],
    ['container.snapshots.quietMs', { container: { snapshots: { quietMs: 25 * day } } }],
    ['model.stallTimeoutMs', { model: { stallTimeoutMs: 30 * day } }],
    ['worker.shutdownGraceMs', { worker: { shutdownGraceMs: 30 * day } }],
    ['packages.timeoutMs', { packages: { timeoutMs: 30 * day } }],
    ['mcp.callMs', { mcp: { callMs: 30 * day } }],
    ['session.toolTimeoutMs', { session: { toolTimeoutMs: 30 * day } }],
  ])('holds %s to what a timer can count', async (name, settings) => {
    const cwd = await project(`export default ${JSON.stringify(settings)}`)
    await expect(loadConfig({ cwd, env })).rejects.toThrow(`${name}: must be at most 2073600000 (24 days)`)
  })

  it('takes times of up to 24 days, and no grace time at all', async () => {
    const cwd = await project(`export default { container: { idleMs: ${24 * day} }, worker: { shutdownGraceMs: 0 } }`)
    const config = await loadConfig({ cwd, env })
    expect(config.container.idleMs).toBe(24 * day)
    expect(config.worker.shutdownGraceMs).toBe(0)
  })

  it('says which file cannot be loaded, and why', async () => {
    await expect(loadConfig({ cwd: await project('export default {'), env })).rejects.toThrow(
      /temporal\.config\.mjs: cannot be loaded/,
    )
    await expect(loadConfig({ cwd: await project('export const a = 1'), env })).rejects.toThrow(/has no default export/)
  })

  it('takes the standard variables of Temporal and of the model', async () => {
    const variables = {
      TEMPORAL_ADDRESS: 'temporal.example:7233',
      TEMPORAL_NAMESPACE: 'sessions',
      TEMPORAL_API_KEY: 'key-of-temporal',
    }
    const config = await loadConfig({
      cwd: await project('export default { temporal: { address: "other:1", namespace: "other" } }'),
      env: { ...env, ...variables, ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' },
    })
    expect(config.temporal.namespace).toBe('sessions')
    expect(connectionOptions(config.temporal.connection!)).toEqual({
      address: 'temporal.example:7233',
      tls: true,
      apiKey: 'key-of-temporal',
    })
    expect(config.model.baseURL).toBe('http://127.0.0.1:9')
  })

  it('takes a profile of Temporal, with its certificates', async () => {
    const cwd = await temporaryFolder()
    const file = path.join(cwd, 'temporal.toml')
    await writeFile(
      file,
      '[profile.work]\naddress = "cloud.example:7233"\nnamespace = "work"\n[profile.work.tls]\nserver_name = "n"\nclient_cert_data = "CERT"\nclient_key_data = "KEY"\n',
    )
    const { temporal } = await loadConfig({ cwd, env: { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'work' } })
    expect(temporal.namespace).toBe('work')
    // What goes to a worker process goes as JSON.
    expect(connectionOptions(JSON.parse(JSON.stringify(temporal.connection)))).toEqual({
      address: 'cloud.example:7233',
      tls: { serverNameOverride: 'n', clientCertPair: { crt: Buffer.from('CERT'), key: Buffer.from('KEY') } },
    })
    await expect(loadConfig({ cwd, env: { TEMPORAL_CONFIG_FILE: file, TEMPORAL_PROFILE: 'home' } })).rejects.toThrow(
      /home/,
    )
  })

  it('never shows a secret', async () => {
    const secrets = {
      HOLDFAST_API_KEYS: 'first-key, second-key',
      ANTHROPIC_API_KEY: 'sk-model',
      HOLDFAST_SECRET_KEY: Buffer.alloc(32, 7).toString('base64'),
    }
    const config = await loadConfig({ cwd: await temporaryFolder(), env: { ...env, ...secrets } })
    expect(config.secrets.apiKeys).toEqual(['first-key', 'second-key'])
    expect(config.secrets.encryptionKey).toEqual(Buffer.alloc(32, 7))
    expect(config.secrets.hasModelKey).toBe(true)
    for (const shown of [JSON.stringify(config), inspect(config, { depth: 9, showHidden: true })]) {
      for (const secret of ['first-key', 'second-key', 'sk-model', secrets.HOLDFAST_SECRET_KEY])
        expect(shown).not.toContain(secret)
    }
  })

  it('refuses a secret key of the wrong length without showing it', async () => {
    const wrong = loadConfig({ cwd: await temporaryFolder(), env: { ...env, HOLDFAST_SECRET_KEY: 'c2hvcnQ=' } })
    await expect(wrong).rejects.toThrow(/HOLDFAST_SECRET_KEY: expected 32 bytes/)
    await expect(wrong).rejects.not.toThrow(/c2hvcnQ/)
  })
})

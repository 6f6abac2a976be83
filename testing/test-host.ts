import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type LocalHost, startLocalHost } from '../cli/local-host.ts'
import { loadConfig } from '../worker/config/load-config.ts'
import type { HoldfastConfig } from '../worker/config/settings.ts'
import { type ScriptedModel, startScriptedModel } from './scripted-model/server.ts'

/** A whole Holdfast of a test: the library, the HTTP API, workers, and a model that answers by script. */
export interface TestHost extends LocalHost, AsyncDisposable {
  /** Folder with its data. */
  dataDir: string
  model: ScriptedModel
  /** Lines that it logged. */
  lines: string[]
  /** Stops everything and removes the data. */
  remove(): Promise<void>
}

export interface TestHostOptions {
  /** What `temporal.config.ts` could say; no file is read. */
  config?: HoldfastConfig
  /** Variables beside those of the process. With TEMPORAL_ADDRESS no Temporal server is started. */
  env?: Record<string, string>
  /** A model that is shared with other hosts; it is left running. @default one of its own */
  model?: ScriptedModel
}

/**
 * Starts Holdfast on a temporary folder, as `holdfast dev` does, with the scripted model: no key, no network. It begins
 * with nothing in it, waits 50 ms before a first retry instead of 500, and is gone when it is removed or disposed of.
 */
export async function startTestHost({ config, env, model: shared }: TestHostOptions = {}): Promise<TestHost> {
  await using started = new AsyncDisposableStack()
  const project = await mkdtemp(path.join(os.tmpdir(), 'holdfast-host-'))
  started.defer(() => rm(project, { recursive: true, force: true }))
  // The containers' users walk through it.
  await chmod(project, 0o711)
  const model = shared ?? (await startScriptedModel())
  if (!shared) started.defer(() => model.close())
  const variables = {
    ...process.env,
    ANTHROPIC_API_KEY: 'scripted-key-of-the-tests',
    ANTHROPIC_BASE_URL: model.url,
    // What this machine has configured is no matter of a test.
    TEMPORAL_ADDRESS: '',
    TEMPORAL_PROFILE: '',
    HOLDFAST_RECORDS_URL: '',
    ...env,
  }
  const { session, ...rest } = config ?? {}
  const settings = await loadConfig({
    cwd: project,
    env: variables,
    overrides: {
      // The system's choice, at the moment of listening: nobody comes between.
      server: { port: 0 },
      session: { retryInitialMs: 50, retryMaximumMs: 200, ...session },
      ...rest,
    },
  })
  const lines: string[] = []
  const host = await startLocalHost(settings, { log: (line) => lines.push(line), env: variables })
  started.defer(() => host.stop())
  const running = started.move()
  const remove = () => running.disposeAsync()
  return Object.assign(Object.create(host, Object.getOwnPropertyDescriptors(host)), {
    dataDir: settings.data,
    model,
    lines,
    remove,
    [Symbol.asyncDispose]: remove,
  }) as TestHost
}

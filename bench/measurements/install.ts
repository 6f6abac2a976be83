import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Anthropic from '@anthropic-ai/sdk'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import type { Measurements } from '../measurement.ts'
import { summarize } from '../statistics.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

export const install: Measurements = {
  /** What is committed, cloned, installed by npm and started. npm's cache is as warm as it is. */
  async install() {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-bench-'))
    const clone = path.join(folder, 'clone')
    await run('git', ['clone', '--quiet', root, clone])
    const started = performance.now()
    await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: clone })
    const installed = performance.now()
    const port = await freePort()
    const args = ['dev', '--port', String(port), '--data', path.join(folder, 'data')]
    const env = { ...process.env, ANTHROPIC_API_KEY: 'none' }
    const host = fork(path.join(clone, 'cli/main.ts'), args, {
      cwd: clone,
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    try {
      const client = new Anthropic({
        apiKey: 'none',
        baseURL: `http://127.0.0.1:${port}`,
        maxRetries: 300,
        timeout: 1000,
      })
      const agent = await client.beta.agents.create({ name: 'bench', model: 'claude-opus-5' })
      const environment = await client.beta.environments.create({ name: 'bench' })
      await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })
    } finally {
      host.kill('SIGTERM')
      await once(host, 'exit')
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    }
    const ended = performance.now()
    const seconds = (from: number, to: number) => summarize([(to - from) / 1000])
    return [
      { name: 'install', unit: 's', measured: seconds(started, installed), note: 'npm ci' },
      {
        name: 'install to session',
        unit: 's',
        measured: seconds(started, ended),
        note: 'npm ci, start, first idle session',
      },
    ]
  },
}

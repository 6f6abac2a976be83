import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Anthropic from '@anthropic-ai/sdk'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { answering } from '../host.ts'
import type { Measurements } from '../measurement.ts'
import { summarize } from '../statistics.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

export const install: Measurements = {
  /** What is committed, cloned, made ready as by README's commands, and started. npm's cache is as warm as it is. */
  async install() {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-bench-'))
    const clone = path.join(folder, 'clone')
    await run('git', ['clone', '--quiet', root, clone])
    const started = performance.now()
    await run(process.execPath, ['scripts/prepare.mjs'], { cwd: clone })
    const installed = performance.now()
    const port = await freePort()
    const data = path.join(folder, 'data')
    const args = ['dev', '--port', String(port), '--data', data]
    const env = { ...process.env, ANTHROPIC_API_KEY: 'none' }
    const host = fork(path.join(clone, 'bin/holdfast'), args, {
      cwd: clone,
      env,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    const exited = once(host, 'exit')
    const url = `http://127.0.0.1:${port}`
    let ended: number
    try {
      await answering(url, data, exited)
      const client = new Anthropic({ apiKey: 'none', baseURL: url })
      const agent = await client.beta.agents.create({ name: 'bench', model: 'claude-opus-5' })
      const environment = await client.beta.environments.create({ name: 'bench' })
      await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })
      ended = performance.now()
    } finally {
      host.kill('SIGTERM')
      await exited
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    }
    const seconds = (from: number, to: number) => summarize([(to - from) / 1000])
    return [
      {
        name: 'install',
        unit: 's',
        measured: seconds(started, installed),
        note: 'npm ci, and what else prepare.mjs finds missing',
      },
      {
        name: 'install to session',
        unit: 's',
        measured: seconds(started, ended),
        note: 'that, start, first idle session',
      },
    ]
  },
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { packageRoot } from '../../worker/package-root.ts'
import { identify, isAlive, type ProcessIdentity } from '../../worker/process-identity.ts'
import { runningHost } from '../../worker/running-host.ts'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { metadata } from '../../worker/temporal-server/settings.ts'
import { ownNamespace } from '../support/temporal.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

/** `holdfast dev`, as somebody would type it. */
async function dev(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [path.join(packageRoot, 'bin', 'holdfast'), 'dev', ...args], {
    cwd: await temporaryFolder(),
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => (said.out += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (said.err += text))
  const closed = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  const listening = async () => {
    await until(() => said.out.includes('listening on') || child.exitCode !== null)
    expect(said.out, said.err).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+$/m)
  }
  return { child, said, closed, listening }
}

async function temporalOf(data: string): Promise<ProcessIdentity> {
  return JSON.parse(await readFile(path.join(data, 'temporal', 'temporal.pid'), 'utf8')).server
}

describe('holdfast dev', { timeout: 60_000 }, () => {
  it('starts on its data again after all of it was killed, and ends clean with SIGINT', {
    timeout: 60_000,
  }, async () => {
    const data = await temporaryFolder()
    const port = await freePort()
    const first = await dev(['--port', String(port), '--data', data])
    await first.listening()
    const created = await fetch(`http://127.0.0.1:${port}/v1/environments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
      body: JSON.stringify({ name: 'kept' }),
    })
    const { id } = (await created.json()) as { id: string }
    const temporal = await temporalOf(data)
    first.child.kill('SIGKILL')
    await first.closed

    const second = await dev(['--port', String(port), '--data', data])
    await second.listening()
    expect(isAlive(temporal)).toBe(false)
    const kept = await fetch(`http://127.0.0.1:${port}/v1/environments/${id}`, {
      headers: { 'anthropic-version': '2023-06-01' },
    })
    expect(await kept.json()).toMatchObject({ id, name: 'kept' })

    // Whoever uses the server of this host waits in its rank.
    expect((await runningHost(data))?.temporal).toMatchObject({ metadata })

    const successor = await temporalOf(data)
    second.child.kill('SIGINT')
    expect(await second.closed).toEqual({ code: 0, signal: null })
    expect(isAlive(successor)).toBe(false)
  })

  it('tells other processes where a configured server is, and nothing of what it is reached with', async () => {
    const data = await temporaryFolder()
    const { address, namespace } = await ownNamespace()
    const { listening } = await dev(['--port', '0', '--data', data], {
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      TEMPORAL_GRPC_META_X_TOKEN: 'secret',
    })
    await listening()
    expect((await runningHost(data))?.temporal).toEqual({ address, namespace })
  })

  it('refuses the data folder of another, and names its process', async () => {
    const data = await temporaryFolder()
    const first = await dev(['--port', '0', '--data', data])
    await first.listening()
    const second = await dev(['--port', '0', '--data', data])
    expect(await second.closed).toMatchObject({ code: 1 })
    expect(second.said.err).toContain(`process ${first.child.pid} runs on the data folder ${data}`)
    expect(identify(first.child.pid!)).toBeDefined()
    first.child.kill('SIGTERM')
    expect(await first.closed).toMatchObject({ code: 0 })
  })

  it('refuses an open address without keys, and a port that is none, before anything starts', async () => {
    const open = await dev(['--host', '0.0.0.0', '--port', '0'])
    expect(await open.closed).toMatchObject({ code: 1 })
    expect(open.said.err).toContain('HOLDFAST_API_KEYS')
    const wrong = await dev(['--port', '70000'])
    expect(await wrong.closed).toMatchObject({ code: 2 })
    expect(wrong.said.err).toContain('expected a whole number from 0 to 65535')
  })
})

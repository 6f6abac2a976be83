import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from '../support/host.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let host: TestHost
/** A user's project with the guide's snippets as its files. */
let project: string
beforeAll(async () => {
  host = await startTestHost()
  project = path.dirname(host.dataDir)
  await mkdir(path.join(project, 'node_modules'))
  await symlink(root, path.join(project, 'node_modules', 'holdfast'))
  for (const name of ['zod', '@temporalio']) {
    await symlink(path.join(root, 'node_modules', name), path.join(project, 'node_modules', name))
  }
  await writeFile(path.join(project, 'package.json'), '{"type":"module"}')
  const guide = await readFile(path.join(root, 'docs', 'pipelines.md'), 'utf8')
  const snippets = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!)
  expect(snippets).toHaveLength(names.length)
  for (const [index, name] of names.entries()) await writeFile(path.join(project, name), snippets[index]!)
})
afterAll(() => host?.remove())

const names = ['script.ts', 'workflows.ts', 'worker.ts', 'tools.ts', 'deployments.ts', 'schedules.ts', 'testing.ts']

function start(name: string): ChildProcess {
  const { address, namespace } = host.temporal
  return spawn(process.execPath, [name], {
    cwd: project,
    env: { ...process.env, TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
/** Runs a snippet to its end: a program that closes what it opened ends by itself. */
async function run(name: string): Promise<string> {
  const child = start(name)
  const [out, errors, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'exit')])
  expect(code, errors).toBe(0)
  return out
}

describe('the snippets of docs/pipelines.md', { timeout: 120_000 }, () => {
  it('drive a session from a script, again and again', async () => {
    expect(await run('script.ts')).toMatch(/42\n$/)
    expect(await run('script.ts')).toMatch(/42\n$/)
  })

  it('serve tools', async () => {
    expect(await run('tools.ts')).toContain('"orders":3')
  })

  it('make sessions of a deployment', async () => {
    const [next, made, trigger, count] = (await run('deployments.ts')).split('\n')
    expect(next).toMatch(/^\d{4}-\d\d-\d\dT0[45]:00/)
    expect(made).toMatch(/^sesn_\w+ null$/)
    expect([trigger, count]).toEqual([`manual ${made!.split(' ')[0]} undefined`, '1'])
  })

  it('start sessions by the clock', async () => {
    expect(await run('schedules.ts')).toMatch(/^\d{4}-\d\d-\d\dT0[45]:00/)
  })

  it('test', async () => {
    await run('testing.ts')
  })

  it('run sessions in a workflow', async () => {
    const worker = start('worker.ts')
    const errors = text(worker.stderr!)
    const connection = await Connection.connect({ address: host.temporal.address })
    try {
      const client = new Client({ connection, namespace: host.temporal.namespace })
      const args = [host.agent, host.environment]
      const result = client.workflow.execute('nightlyReport', { taskQueue: 'pipelines', workflowId: 'nightly', args })
      const ended = once(worker, 'exit').then(async () => Promise.reject(new Error(await errors)))
      expect(await Promise.race([result, ended])).toBe(12)
    } finally {
      worker.removeAllListeners()
      worker.kill('SIGKILL')
      await connection.close()
    }
  })
})

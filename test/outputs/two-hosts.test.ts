import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'
import { containersRoot, SessionFolder } from '../../activities/container/keeper/session-folder.ts'
import { connectHoldfast, type PartOptions, startWorkers } from '../../cli/host-parts.ts'
import { LocalBus } from '../../log/bus.ts'
import { startScriptedModel } from '../../testing/scripted-model/server.ts'
import { loadConfig } from '../../worker/config/load-config.ts'
import { ownNamespace } from '../support/temporal.ts'

it('what background processes left is there when a turn ends that another host than the container’s ended', async () => {
  await using ending = new AsyncDisposableStack()
  const root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  ending.defer(() => rm(root, { recursive: true, force: true }))
  await chmod(root, 0o711)
  const model = await startScriptedModel()
  ending.defer(() => model.close())
  const { address, namespace } = await ownNamespace()
  const env = {
    ...process.env,
    ANTHROPIC_API_KEY: 'scripted-key-of-the-tests',
    ANTHROPIC_BASE_URL: model.url,
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
  }
  const bus = new LocalBus()
  /** A host as `holdfast worker` makes one, with records and blobs that both have. */
  const partsOf = async (name: string): Promise<PartOptions> => {
    const config = await loadConfig({
      cwd: root,
      env,
      overrides: {
        data: path.join(root, name),
        records: { url: `sqlite:${path.join(root, 'records.db')}` },
        blobs: { directory: path.join(root, 'blobs') },
        worker: { processes: 1, standby: false },
      },
    })
    return { config, connection: config.temporal.connection!, log: () => {} }
  }
  const [one, other] = [await partsOf('one'), await partsOf('other')]
  const holdfast = await connectHoldfast(one, bus)
  ending.defer(() => holdfast.close())
  const queues = { one: 'holdfast@one', other: 'holdfast@other' }

  const agent = await holdfast.agents.create({
    name: 'Tester',
    model: 'claude-opus-5',
    tools: [{ type: 'agent_toolset_20260401' }],
  })
  const environment = await holdfast.environments.create({ name: 'tests' })
  const first = await startWorkers(one, holdfast, { bus, env, overrides: { hostQueue: queues.one } })
  const session = await holdfast.sessions.create({ agent: agent.id, environment_id: environment.id })
  await holdfast.session(session.id).run('#bash echo one > /mnt/session/outputs/one.txt\n#say begun')
  await first[Symbol.asyncDispose]()

  // The container's host takes nothing but what is for it alone; the other one takes all the rest.
  ending.use(
    await startWorkers(one, holdfast, { bus, env, overrides: { hostQueue: queues.one, taskQueue: queues.one } }),
  )
  ending.use(await startWorkers(other, holdfast, { bus, env, overrides: { hostQueue: queues.other } }))
  const { outputs } = new SessionFolder(await containersRoot(one.config.data), session.id).layout
  await writeFile(path.join(outputs, 'late.txt'), 'late')
  await holdfast.session(session.id).run('#say done')
  const { data } = await holdfast.files.list({ scope_id: session.id })
  expect(data.map(({ filename }) => filename).sort()).toEqual(['late.txt', 'one.txt'])
})

import { randomUUID } from 'node:crypto'
import { chmod } from 'node:fs/promises'
import path from 'node:path'
import { queryObjects } from 'node:v8'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { Keeper } from '../../activities/container/keeper/keeper.ts'
import { KeptSession } from '../../activities/container/keeper/kept-session.ts'
import type { RuntimeFiles } from '../../activities/container/keeper/runtime-files.ts'
import type { ContainerCall, ContainerSpec } from '../../activities/container/provider.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const limits = { memoryBytes: 512 * 1024 * 1024, pids: 128, cpus: 2, tmpBytes: 16 * 1024 * 1024 }
const sessionId = 'sesn_one'
const spec: ContainerSpec = { sessionId, mounts: [], limits }
const bash = (command: string): ContainerCall => ({
  id: `sevt_${randomUUID().replaceAll('-', '')}`,
  name: 'bash',
  input: { command },
  timeoutMs: 25_000,
})

/** A client of a keeper that is in this process, where what it keeps can be counted. */
async function keptHere(): Promise<BubblewrapProvider> {
  const dataDir = await temporaryFolder()
  // The containers' users have to walk through it, otherwise the containers lie elsewhere.
  await chmod(dataDir, 0o711)
  const keeper = await Keeper.create({ dataDir, idleMs: 60_000, onEnd: () => {} })
  await keeper.listen(path.join(dataDir, 'keeper.sock'))
  const provider = new BubblewrapProvider({ dataDir })
  onTestFinished(async () => {
    await provider.close()
    await keeper.end()
  })
  return provider
}

/** Once what is not needed any more has gone. */
const kept = (kind: new (...given: never[]) => object) => queryObjects(kind as never, { format: 'count' })

describe('a session that was stopped', () => {
  it('is forgotten, and what comes for it then finds everything that it had', async () => {
    const provider = await keptHere()
    const container = await provider.open(spec)
    const call = bash('echo a >file; echo $RANDOM')
    const result = await container.call(call)
    expect(kept(KeptSession)).toBe(1)
    await provider.stop(sessionId)
    await until(() => kept(KeptSession) === 0)

    expect(await provider.runs(sessionId)).toBe(false)
    await provider.inject(sessionId, [])
    expect(await provider.withInjections()).toEqual([])
    await provider.stop(sessionId)
    expect(kept(KeptSession)).toBe(0)
    expect(await container.call(call)).toEqual(result)
    // Not told that there was a container before: it was ended because somebody wanted that.
    expect((await container.call(bash('cat file'))).content).toEqual([{ type: 'text', text: 'a' }])
    expect(await provider.runs(sessionId)).toBe(true)
    await provider.destroy(sessionId)
    expect(await provider.list()).toEqual([])
    await until(() => kept(KeptSession) === 0)
  })

  it('is known once, and can be called, when calls come at the same time', async () => {
    const provider = await keptHere()
    const container = await provider.open(spec)
    for (let round = 0; round < 3; round++) {
      const during = ['echo one', 'echo two'].map((command) => container.call(bash(command)))
      await Promise.all([provider.stop(sessionId), ...during, container.start(), provider.stop(sessionId)])
      expect((await container.call(bash('echo again'))).content.at(-1)).toEqual({ type: 'text', text: 'again' })
      expect(kept(KeptSession)).toBe(1)
    }
    await provider.stop(sessionId)
    await until(() => kept(KeptSession) === 0)
  })
})

describe('what a session’s container is to be, with the secrets in it', () => {
  class Spec {
    constructor() {
      Object.assign(this, spec)
    }
  }

  it('is not kept when nothing is under way', async () => {
    const host = { root: await temporaryFolder(), runtime: {} as RuntimeFiles, cgroups: undefined, cgroupPrefix: '' }
    const session = new KeptSession(host, sessionId)
    session.open(new Spec() as ContainerSpec)
    expect(kept(Spec)).toBe(1)
    // No container can be made here.
    const started = session.start()
    expect(session.isAtRest).toBe(false)
    await expect(started).rejects.toThrow('no container')
    await until(() => kept(Spec) === 0)
    session.open(new Spec() as ContainerSpec)
    const called = session.call(bash('true'))
    expect(session.isAtRest).toBe(false)
    await expect(called).rejects.toThrow('no container')
    await until(() => kept(Spec) === 0)
    expect(session.isAtRest).toBe(true)
  })
})

import os from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadConfig } from '../../worker/config/load-config.ts'
import { workerConfig } from '../../worker/config/worker-config.ts'
import { identify } from '../../worker/process-identity.ts'
import { RestartPace } from '../../worker/restart-pace.ts'
import { Supervisor, type SupervisorOptions, type WorkerDeath } from '../../worker/supervisor.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

/** A supervisor of `fake-worker.mjs`, what it heard, and the deaths it reported. */
async function supervised(manner: 'idle' | 'busy' | 'broken', options: Partial<SupervisorOptions> = {}) {
  const heard = { deaths: [] as WorkerDeath[], lines: [] as string[], previews: [] as unknown[] }
  const config = await loadConfig({ cwd: await temporaryFolder(), env: {} })
  const supervisor = new Supervisor({
    program: new URL('fake-worker.mjs', import.meta.url),
    config: workerConfig(config, { address: '127.0.0.1:1' }),
    env: { ...process.env, FAKE_WORKER: manner },
    log: (line) => heard.lines.push(line),
    onDeath: async (death) => void heard.deaths.push(death),
    onPreview: (_sessionId, preview) => heard.previews.push(preview),
    ...options,
  })
  onTestFinished(() => supervisor.kill())
  return { supervisor, heard }
}

/** As if the system had no process left to give, until the returned function is called. */
function withoutProcesses(): () => void {
  const { execPath } = process
  const mend = () => {
    process.execPath = execPath
  }
  onTestFinished(mend)
  process.execPath = '/nowhere/node'
  return mend
}

describe('the supervisor', () => {
  it('replaces a killed worker and reports the activities that it had started and not ended', async () => {
    const { supervisor, heard } = await supervised('busy')
    await supervisor.start()
    await until(() => heard.previews.length === 1)
    const [killed] = supervisor.pids
    process.kill(killed!, 'SIGKILL')
    await until(() => heard.previews.length === 2)
    expect(supervisor.pids).not.toContain(killed)
    expect(heard.deaths).toEqual([
      {
        identity: expect.any(String),
        pid: killed,
        openActivities: [{ workflowId: 'sesn_1', runId: 'run', activityId: '2' }],
        recentWorkflows: ['sesn_1'],
      },
    ])
    expect(heard.lines[0]).toMatch(/SIGKILL.*1 open activities.*restarting/)
  })

  it('lets a standby take over at once, and keeps another', async () => {
    const { supervisor, heard } = await supervised('busy', { standby: true })
    await supervisor.start()
    await until(() => supervisor.standbyPid !== undefined)
    const [standby, [killed]] = [supervisor.standbyPid, supervisor.pids]
    process.kill(killed!, 'SIGKILL')
    await until(() => heard.previews.length === 2)
    expect(supervisor.pids).toEqual([standby])
    expect(heard.previews).toEqual([{ pid: killed }, { pid: standby }])
    await until(() => supervisor.standbyPid !== undefined)
    expect(supervisor.standbyPid).not.toBe(standby)
  })

  it('kills and replaces a worker and a standby that are stopped, and leaves those alone that answer', async () => {
    const { supervisor, heard } = await supervised('busy', { standby: true, pulse: { everyMs: 100, unanswered: 40 } })
    await supervisor.start()
    await until(() => supervisor.standbyPid !== undefined)
    const [standby, [worker]] = [supervisor.standbyPid!, supervisor.pids]
    process.kill(worker!, 'SIGSTOP')
    await until(() => heard.deaths.length === 1)
    expect(heard.deaths[0]).toMatchObject({ pid: worker, openActivities: [{ activityId: '2' }] })
    expect(supervisor.pids).toEqual([standby])
    await until(() => supervisor.standbyPid !== undefined)
    const stopped = supervisor.standbyPid!
    process.kill(stopped, 'SIGSTOP')
    await until(() => supervisor.standbyPid !== undefined && supervisor.standbyPid !== stopped)
    expect(supervisor.pids).toEqual([standby])
    expect(heard.lines.filter((line) => line.includes('has not answered'))).toHaveLength(2)
  })

  it('replaces a standby that died', async () => {
    const { supervisor } = await supervised('idle', { standby: true })
    await supervisor.start()
    await until(() => supervisor.standbyPid !== undefined)
    const killed = supervisor.standbyPid!
    process.kill(killed, 'SIGKILL')
    await until(() => supervisor.standbyPid !== undefined && supervisor.standbyPid !== killed)
  })

  it('tells its processes, and those that come later, which previews are wanted', async () => {
    const { supervisor, heard } = await supervised('idle')
    await supervisor.start()
    supervisor.wantPreviews('sesn_1', true)
    supervisor.wantPreviews('sesn_2', true)
    supervisor.wantPreviews('sesn_1', false)
    await until(() => heard.previews.length === 3)
    process.kill(supervisor.pids[0]!, 'SIGKILL')
    await until(() => heard.previews.length === 4)
    expect(heard.previews).toEqual([
      { type: 'previews', sessionIds: ['sesn_1'], areWanted: true },
      { type: 'previews', sessionIds: ['sesn_2'], areWanted: true },
      { type: 'previews', sessionIds: ['sesn_1'], areWanted: false },
      { type: 'previews', sessionIds: ['sesn_2'], areWanted: true },
    ])
  })

  it('tells its processes of interrupts', async () => {
    const { supervisor, heard } = await supervised('idle', { processes: 2 })
    await supervisor.start()
    supervisor.interrupted('sesn_1', 12.5)
    await until(() => heard.previews.length === 2)
    const interrupted = { type: 'interrupted', sessionId: 'sesn_1', sentAt: 12.5 }
    expect(heard.previews).toEqual([interrupted, interrupted])
  })

  it('has its processes wait for whoever has a usual priority', async () => {
    const { supervisor } = await supervised('idle')
    await supervisor.start()
    expect(supervisor.pids.map((pid) => os.getPriority(pid))).toEqual([5])
  })

  it('gives every process an identity of its own', async () => {
    const { supervisor, heard } = await supervised('idle', { processes: 2 })
    await supervisor.start()
    const pids = supervisor.pids
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await until(() => heard.deaths.length === 2)
    expect(pids).toHaveLength(2)
    expect(heard.deaths[0]!.identity).not.toBe(heard.deaths[1]!.identity)
  })

  it('gives up at the start on a worker that dies again and again', async () => {
    const { supervisor, heard } = await supervised('broken')
    await expect(supervisor.start()).rejects.toThrow(/code 3.*again and again/)
    expect(supervisor.pids).toEqual([])
    expect(heard.lines).toHaveLength(3)
  })

  it('tries again when the system gives it no process', async () => {
    const mend = withoutProcesses()
    const { supervisor, heard } = await supervised('idle', { pace: new RestartPace({ immediate: 1_000_000 }) })
    const started = supervisor.start()
    await until(() => heard.lines.filter((line) => line.includes('could not be started')).length > 1)
    mend()
    await started
    expect(supervisor.pids).toHaveLength(1)
    expect(heard.deaths).toEqual([])
  })

  it('can be stopped while the system gives it no process', async () => {
    const { supervisor, heard } = await supervised('idle', { pace: new RestartPace({ immediate: 1, firstMs: 1e6 }) })
    await supervisor.start()
    withoutProcesses()
    process.kill(supervisor.pids[0]!, 'SIGKILL')
    await until(() => heard.lines.some((line) => /could not be started.*restarting in/.test(line)))
    await supervisor.stop()
    expect(supervisor.pids).toEqual([])
  })

  it('tries for a standby again when the system gives it no process', async () => {
    const { supervisor, heard } = await supervised('idle', {
      standby: true,
      pace: new RestartPace({ immediate: 1_000_000 }),
    })
    await supervisor.start()
    await until(() => supervisor.standbyPid !== undefined)
    const mend = withoutProcesses()
    process.kill(supervisor.standbyPid!, 'SIGKILL')
    await until(() => heard.lines.length > 1)
    mend()
    await until(() => supervisor.standbyPid !== undefined)
  })

  it('gives up at the start when there is no starting it at all', async () => {
    // More than an argument may have: this failure is thrown.
    const { supervisor, heard } = await supervised('idle', { env: { ...process.env, LONG: 'x'.repeat(1e6) } })
    await expect(supervisor.start()).rejects.toThrow(/E2BIG.*again and again/)
    expect(heard.lines).toHaveLength(3)
  })

  it('stops its processes and starts none after that', async () => {
    const { supervisor, heard } = await supervised('idle', { processes: 2 })
    await supervisor.start()
    const pids = supervisor.pids
    await supervisor.stop()
    expect(pids.map(identify)).toEqual([undefined, undefined])
    expect(supervisor.pids).toEqual([])
    expect(heard.deaths).toEqual([])
  })

  it('still reports what a worker left open when it was killed during the stop', async () => {
    const { supervisor, heard } = await supervised('busy')
    await supervisor.start()
    await until(() => heard.previews.length === 1)
    await supervisor.stop()
    expect(heard.deaths.map(({ openActivities }) => openActivities.length)).toEqual([1])
  })
})

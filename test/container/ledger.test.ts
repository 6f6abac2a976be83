import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { KeptSession } from '../../activities/container/keeper/kept-session.ts'
import type { RuntimeFiles } from '../../activities/container/keeper/runtime-files.ts'
import type { Container, ContainerCall, ContainerSpec } from '../../activities/container/provider.ts'
import type { ToolResult } from '../../protocol/contract.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const limits = { memoryBytes: 512 * 1024 * 1024, pids: 128, cpus: 2, tmpBytes: 16 * 1024 * 1024 }
const spec = (sessionId = 'sesn_one'): ContainerSpec => ({ sessionId, mounts: [], limits })
const newId = () => `sevt_${randomUUID().replaceAll('-', '')}`
const bash = (command: string, id = newId()): ContainerCall => ({
  id,
  name: 'bash',
  input: { command },
  timeoutMs: 25_000,
})

/** Notes that it runs, prints, and waits for the file `go`. */
const waiting = 'echo run >>runs; echo partial; until [ -e go ]; do sleep 0.02; done; echo finished'

function textOf(result: ToolResult): string {
  return result.content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
}

/** A host's data folder; its keepers are gone when the test is over. */
class Host {
  readonly dataDir: string

  private constructor(dataDir: string) {
    this.dataDir = dataDir
  }

  static async make(below = ''): Promise<Host> {
    const folder = await temporaryFolder()
    // The containers' users have to walk through it, otherwise the containers lie elsewhere.
    await chmod(folder, 0o711)
    const host = new Host(path.join(folder, below))
    onTestFinished(async () => {
      // Not killed: it takes its containers' cgroups away, also those that a killed one left.
      for (const pid of await host.keepers()) kill(pid, 'SIGTERM')
      await until(async () => (await host.keepers()).length === 0)
    })
    return host
  }

  /** Another client, as another worker process would have it. */
  client(keeperIdleMs = 2000): BubblewrapProvider {
    const provider = new BubblewrapProvider({ dataDir: this.dataDir, keeperIdleMs })
    onTestFinished(() => provider.close())
    return provider
  }

  open(sessionId?: string): Promise<Container> {
    return this.client().open(spec(sessionId))
  }

  /** Pids of the keepers that run, found by their log. */
  async keepers(): Promise<number[]> {
    const log = path.join(this.dataDir, 'keeper.log')
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
    const logs = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/fd/1`).catch(() => '')))
    return pids.filter((_, index) => logs[index] === log).map(Number)
  }

  async keeper(): Promise<number> {
    return until(async () => Number(await this.#text('keeper.pid')) || undefined)
  }

  async killKeeper(): Promise<void> {
    const pid = await this.keeper()
    kill(pid)
    await until(async () => !(await this.keepers()).includes(pid))
  }

  file(name: string, sessionId = 'sesn_one'): string {
    return path.join(this.dataDir, 'containers', sessionId, name)
  }

  /** How often a waiting command was begun. */
  async runs(): Promise<number> {
    return ((await this.#text('containers/sesn_one/workspace/runs')).match(/run/g) ?? []).length
  }

  /** Resolves when a waiting command runs and its output has been noted. */
  async runsNow(id: string): Promise<void> {
    await until(async () => (await this.#text(`containers/sesn_one/ledger/${id}.output`)).includes('partial'))
  }

  /** Lets the waiting commands end. */
  go(): Promise<void> {
    return writeFile(this.file('workspace/go'), '')
  }

  #text(name: string): Promise<string> {
    return readFile(path.join(this.dataDir, name), 'utf8').catch(() => '')
  }
}

function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It is gone already.
  }
}

const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  )

describe('a call that has ended', () => {
  it('is answered with its recorded result', async () => {
    const host = await Host.make()
    const call = bash('echo run >>runs; echo $RANDOM$RANDOM')
    const first = await (await host.open()).call(call)
    expect(await (await host.open()).call(call)).toEqual(first)
    expect(await host.runs()).toBe(1)
  })

  it('is answered with its recorded result also when its keeper was killed since', async () => {
    const host = await Host.make()
    const call = bash('echo run >>runs; echo $RANDOM$RANDOM; exit 3')
    const first = await (await host.open()).call(call)
    expect(first).toMatchObject({ is_error: true, outcome: 'done' })
    await host.killKeeper()
    expect(await (await host.open()).call(call)).toEqual(first)
    expect(await host.runs()).toBe(1)
  })
})

describe('a call that is running', () => {
  it('is attached to by a second client', async () => {
    const host = await Host.make()
    const call = bash(waiting)
    const first = (await host.open()).call(call)
    await host.runsNow(call.id)
    const second = (await host.open()).call(call)
    await host.go()
    expect(textOf(await first)).toBe('partial\nfinished')
    expect(await second).toEqual(await first)
    expect(await host.runs()).toBe(1)
  })

  it('goes on when its client is killed, and is attached to by the next one', async () => {
    const host = await Host.make()
    const call = bash(waiting)
    const client = await clientProcess(host, call)
    await host.runsNow(call.id)
    const ended = new Promise((resolve) => client.once('exit', resolve))
    client.kill('SIGKILL')
    await ended
    const next = (await host.open()).call(call)
    await host.go()
    expect(await next).toMatchObject({ outcome: 'done', is_error: false })
    expect(textOf(await next)).toBe('partial\nfinished')
    expect(await host.runs()).toBe(1)
  })

  it('is stopped by the next one when nobody waits for it any more, and is not by one that runs beside it', async () => {
    const host = await Host.make()
    const call = bash(waiting)
    const client = await clientProcess(host, call)
    await host.runsNow(call.id)
    client.kill('SIGKILL')
    const container = await host.open()
    const read = { ...bash(''), name: 'read' as const, input: { file_path: '/workspace/runs' } }
    await container.call({ ...read, id: 'sevt_beside', beside: [call.id] })
    await container.call({ ...read, id: 'sevt_any' })
    const next = await container.call({ ...bash('echo next'), beside: [] })
    expect(textOf(next)).toMatch(/next$/)
    expect(await container.call(call)).toMatchObject({ outcome: 'interrupted' })
  })

  it('keeps its keeper alive while no client is there', async () => {
    const host = await Host.make()
    const call = bash('echo partial; until [ -e go ]; do echo >>beats; sleep 0.02; done; echo finished')
    const client = await clientProcess(host, call, 50)
    await host.runsNow(call.id)
    const keeper = await host.keeper()
    const ended = new Promise((resolve) => client.once('exit', resolve))
    client.kill('SIGKILL')
    await ended
    const beats = () => readFile(host.file('workspace/beats'), 'utf8').then((text) => text.length)
    const before = await beats()
    // Many times the keeper's idle time.
    await until(async () => (await beats()) > before + 20)
    expect(await host.keepers()).toEqual([keeper])
    await host.go()
    await until(async () => (await host.keepers()).length === 0)
    expect(textOf(await (await host.open()).call(call))).toBe('partial\nfinished')
  })

  it('is of unknown outcome when its keeper is killed, shows what was seen and is never run again', async () => {
    const host = await Host.make()
    const call = bash(waiting)
    const container = await host.open()
    const running = container.call(call)
    await host.runsNow(call.id)
    await host.killKeeper()
    const result = await running
    expect(result).toMatchObject({ outcome: 'unknown', is_error: true })
    expect(textOf(result)).toMatch(/not run again.*Output until then:\npartial/s)
    expect(await (await host.open()).call(call)).toEqual(result)
    expect(await host.runs()).toBe(1)
  })

  it('leaves no process when its keeper is killed', async () => {
    const host = await Host.make()
    const call = bash(waiting)
    const running = (await host.open()).call(call)
    await host.runsNow(call.id)
    const inside = await descendants(await host.keeper())
    expect(inside.length).toBeGreaterThan(3)
    await host.killKeeper()
    await until(async () => (await readdir('/proc')).every((name) => !inside.includes(Number(name))))
    await running
  })

  it('is of unknown outcome when its container is killed, and the next call gets a new container', async () => {
    const host = await Host.make()
    const call = bash(waiting)
    const container = await host.open()
    const running = container.call(call)
    await host.runsNow(call.id)
    const [bwrap] = await descendants(await host.keeper())
    kill(bwrap!)
    const result = await running
    expect(result).toMatchObject({ outcome: 'unknown', is_error: true })
    expect(textOf(result)).toContain('Output until then:\npartial')
    expect(textOf(await container.call(bash('cat runs')))).toBe('run')
    expect(await container.call(call)).toEqual(result)
    expect(await host.runs()).toBe(1)
  })

  it('has all that was seen of its output, in order, when its outcome is unknown', async () => {
    const host = await Host.make()
    const call = bash('for i in $(seq 300); do printf "$i "; sleep 0; done; touch printed; sleep 25')
    const container = await host.open()
    const running = container.call(call)
    await until(() => exists(host.file('workspace/printed')))
    const [bwrap] = await descendants(await host.keeper())
    kill(bwrap!)
    const seen = textOf(await running)
      .split('\n')
      .at(-1)!
      .trim()
      .split(' ')
      .map(Number)
    expect(seen.length).toBeGreaterThan(0)
    expect(seen).toEqual(seen.map((_, index) => index + 1))
    await container.call(bash('true'))
    expect(await exists(host.file(`ledger/${call.id}.output`))).toBe(false)
  })

  it('is interrupted when its client aborts it', async () => {
    const host = await Host.make()
    const container = await host.open()
    const call = bash(waiting)
    const abort = new AbortController()
    const running = container.call(call, { signal: abort.signal })
    await host.runsNow(call.id)
    abort.abort()
    const result = await running
    expect(result).toMatchObject({ outcome: 'interrupted', is_error: true })
    expect(textOf(result)).toMatch(/^partial\nThe command was interrupted/)
    expect(await container.call(call)).toEqual(result)
    expect(textOf(await container.call(bash('pgrep -fc "^sleep 0.02"; echo on')))).toBe('0\non')
  })

  it('is interrupted while its container is being made, without waiting for it', async () => {
    const host = await Host.make()
    const container = await host.open()
    const call = bash('sleep 25')
    const result = await container.call(call, { signal: AbortSignal.abort() })
    expect(result).toMatchObject({ outcome: 'interrupted', is_error: true })
    expect(textOf(result)).toBe('The call was interrupted by the user before it began.')
    expect(await exists(host.file(`ledger/${call.id}.started`))).toBe(false)
    expect(await container.call(call)).toEqual(result)
    expect(textOf(await container.call(bash('echo next')))).toBe('next')
  })

  it('does not keep a later command from running when it was waiting for the shell and was interrupted', async () => {
    const host = await Host.make()
    const container = await host.open()
    const first = bash(waiting)
    const running = container.call(first)
    await host.runsNow(first.id)
    const abort = new AbortController()
    const second = bash('touch second')
    const queued = container.call(second, { signal: abort.signal })
    await until(() => exists(host.file(`ledger/${second.id}.started`)))
    abort.abort()
    // Behind the wish on every way, so the wish has arrived when this has ended; the shell is for commands only.
    await container.call({ ...bash(''), name: 'read', input: { file_path: '/workspace/runs' } })
    await host.go()
    expect(textOf(await running)).toBe('partial\nfinished')
    const result = await queued
    expect(result).toMatchObject({ outcome: 'interrupted' })
    expect(textOf(result)).toBe('The call was interrupted by the user before it began.')
    expect(await exists(host.file('workspace/second'))).toBe(false)
    expect(textOf(await container.call(bash('echo next')))).toBe('next')
  })
})

describe("a call's id", () => {
  it('is refused with another input, while it runs and after', async () => {
    const host = await Host.make()
    const container = await host.open()
    const call = bash(waiting)
    const running = container.call(call)
    await host.runsNow(call.id)
    await expect(container.call(bash('touch other', call.id))).rejects.toThrow('made before with another input')
    await host.go()
    await running
    await expect(container.call(bash('touch other', call.id))).rejects.toThrow('made before with another input')
    expect(await exists(host.file('workspace/other'))).toBe(false)
  })

  it('cannot lead out of the ledger', async () => {
    const host = await Host.make()
    const container = await host.open()
    await expect(container.call(bash('true', '../../x'))).rejects.toThrow('is no id of a call')
    await expect((await host.open('../x')).call(bash('true'))).rejects.toThrow('is no id of a session')
  })

  it('is run once when two clients race on it', async () => {
    const host = await Host.make()
    const clients = await Promise.all([host.open(), host.open(), host.open()])
    for (let round = 1; round <= 5; round++) {
      const call = bash('echo run >>runs; echo $RANDOM$RANDOM')
      const [first, ...others] = await Promise.all(clients.map((client) => client.call(call)))
      expect(first).toMatchObject({ outcome: 'done', is_error: false })
      for (const other of others) expect(other).toEqual(first)
      expect(await host.runs()).toBe(round)
    }
  })

  it('is run once when clients race on it after their keeper was killed', async () => {
    const host = await Host.make()
    const clients = await Promise.all([host.open(), host.open(), host.open()])
    await clients[0]!.call(bash('true'))
    await host.killKeeper()
    const call = bash('echo run >>runs; echo $RANDOM$RANDOM')
    const [first, ...others] = await Promise.all(clients.map((client) => client.call(call)))
    expect(first).toMatchObject({ outcome: 'done', is_error: false })
    for (const other of others) expect(other).toEqual(first)
    expect(await host.runs()).toBe(1)
    await until(async () => (await host.keepers()).length === 1)
    expect(await host.keepers()).toEqual([await host.keeper()])
  })

  it('is run when a keeper was killed before it had written down that it begins', async () => {
    const host = await Host.make()
    const container = await host.open()
    await container.call(bash('true'))
    const call = bash('echo ran')
    await writeFile(host.file(`ledger/${call.id}.started`), '')
    expect(textOf(await container.call(call))).toBe('ran')
  })
})

describe('a keeper', () => {
  it('is one for a data folder, however many clients begin at once', async () => {
    const host = await Host.make()
    const clients = await Promise.all(Array.from({ length: 4 }, () => host.open()))
    await Promise.all(clients.map((client) => client.call(bash('true'))))
    await until(async () => (await host.keepers()).length === 1)
  })

  it('has threads enough that the names of a few sessions, looked up in vain, do not hold them all', async () => {
    const host = await Host.make()
    await (await host.open()).call(bash('true'))
    expect((await readdir(`/proc/${await host.keeper()}/task`)).length).toBeGreaterThan(64)
  })

  it('works for a data folder whose path is too long for a socket', async () => {
    const host = await Host.make('deep'.repeat(30))
    expect(textOf(await (await host.open()).call(bash('echo works')))).toBe('works')
    expect(await host.keepers()).toEqual([await host.keeper()])
    await host.client().shutdown()
    await until(async () => (await host.keepers()).length === 0)
  })

  it('ends by itself when nobody needs it, and the next client gets another', async () => {
    const host = await Host.make()
    const client = host.client(50)
    await (await client.open(spec())).call(bash('echo kept >file'))
    const keeper = await host.keeper()
    const inside = await descendants(keeper)
    await client.close()
    await until(async () => (await host.keepers()).length === 0)
    await until(async () => (await readdir('/proc')).every((name) => !inside.includes(Number(name))))
    expect(textOf(await (await host.open()).call(bash('cat file')))).toMatch(
      /^\[The container was started anew, .*\]\nkept$/,
    )
  })

  it('that is asked to end makes place for another at once', async () => {
    const host = await Host.make()
    const first = host.client()
    const sessions = ['sesn_one', 'sesn_two', 'sesn_three']
    await Promise.all(sessions.map(async (id) => (await first.open(spec(id))).call(bash('true'))))
    const next = await host.open()
    const [, result] = await Promise.all([first.shutdown(), next.call(bash('echo answered'))])
    expect(textOf(result)).toMatch(/answered|unknown/)
    const last = await host.open()
    expect(textOf(await last.call(bash('echo again')))).toMatch(/again$/)
    await until(async () => (await host.keepers()).length === 1)
  })
})

describe("a session's files", () => {
  it('outlive its container', async () => {
    const host = await Host.make()
    const client = host.client()
    const container = await client.open(spec())
    await container.call(
      bash('echo a >file; echo b >/mnt/session/outputs/file; echo c >~/file; echo d >/tmp/file; sleep 1071 &'),
    )
    await client.stop('sesn_one')
    const again = await client.open(spec())
    expect(textOf(await again.call(bash('cat file /mnt/session/outputs/file ~/file')))).toBe('a\nb\nc')
    expect(await again.call(bash('cat /tmp/file || pgrep -f "^sleep 1071"'))).toMatchObject({ is_error: true })
  })

  it('get a mount that came later, and keep what is there', async () => {
    const host = await Host.make()
    const client = host.client()
    await (await client.open(spec())).call(bash('echo mine >file'))
    const source = path.join(host.dataDir, 'later')
    await writeFile(source, 'later')
    const mounts = [{ target: '/mnt/session/uploads/later', source, mode: 'ro' as const }]
    const container = await client.open({ ...spec(), mounts })
    const { content } = await container.call(bash('cat file /mnt/session/uploads/later'))
    expect(content).toMatchObject([{ text: expect.stringContaining('was restarted') }, { text: 'mine\nlater' }])
  })

  it('are not seen by another session, nor are its processes', async () => {
    const host = await Host.make()
    const [one, two] = [await host.open('sesn_one'), await host.open('sesn_two')]
    await one.call(bash('touch seen /tmp/seen ~/seen /mnt/session/outputs/seen /dev/shm/seen; sleep 1072 & x=1'))
    const look =
      'ls /workspace /tmp ~ /mnt/session/outputs /dev/shm | grep -c seen; pgrep -fc "^sleep 1072"; echo "[$x]"'
    expect(textOf(await two.call(bash(look)))).toBe('0\n0\n[]')
    expect(textOf(await one.call(bash(look)))).toBe('5\n1\n[1]')
    const folder = host.file('workspace')
    expect(textOf(await two.call(bash(`ls ${folder}`)))).toMatch(/No such file/)
    const users = await Promise.all(
      ['sesn_one', 'sesn_two'].map((id) => readFile(host.file('uid', id), 'utf8').catch(() => id)),
    )
    expect(users[0]).not.toBe(users[1])
  })

  it('are gone, with the ledger, when it is destroyed', async () => {
    const host = await Host.make()
    const client = host.client()
    const call = bash('echo secret >file; echo run >>runs; sleep 1073 &')
    await (await client.open(spec())).call(call)
    await (await client.open(spec('sesn_two'))).call(bash('true'))
    expect((await client.list()).toSorted()).toEqual(['sesn_one', 'sesn_two'])
    await client.destroy('sesn_one')
    expect(await exists(host.file(''))).toBe(false)
    expect(await client.list()).toEqual(['sesn_two'])
    expect(textOf(await (await client.open(spec())).call(bash('ls -A; pgrep -fc "^sleep 1073"')))).toBe('0')
  })

  it('are gone also when it is destroyed under a running call, which is of unknown outcome', async () => {
    const host = await Host.make()
    const client = host.client()
    const call = bash(waiting)
    const running = (await client.open(spec())).call(call)
    await host.runsNow(call.id)
    await client.destroy('sesn_one')
    expect(await running).toMatchObject({ outcome: 'unknown' })
    expect(await exists(host.file(''))).toBe(false)
  })
})

/** A process of its own that makes a call. */
async function clientProcess(host: Host, call: ContainerCall, keeperIdleMs = 2000): Promise<ChildProcess> {
  const provider = new URL('../../activities/container/bubblewrap/provider.ts', import.meta.url)
  const program = `
    const { BubblewrapProvider } = await import(${JSON.stringify(provider.href)})
    const provider = new BubblewrapProvider(${JSON.stringify({ dataDir: host.dataDir, keeperIdleMs })})
    const container = await provider.open(${JSON.stringify(spec())})
    await container.call(${JSON.stringify(call)})`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

/** Pids of everything below a process, children first. */
async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const children = text.split(' ').filter(Boolean).map(Number)
  return [...children, ...(await Promise.all(children.map(descendants))).flat()]
}

describe('a container that is started before its first call', () => {
  it('takes the call', async () => {
    const host = await Host.make()
    const client = host.client()
    expect(await client.runs('sesn_one')).toBe(false)
    const container = await client.open(spec())
    await container.start()
    expect(await client.runs('sesn_one')).toBe(true)
    await container.start()
    // A second container would say that it is one.
    expect(textOf(await container.call(bash('echo $PPID')))).toMatch(/^\d+$/)
  })

  it('is stopped when no call comes', async () => {
    const host = await Host.make()
    const client = host.client()
    const { limits, ...rest } = spec()
    await (await client.open({ ...rest, limits: { ...limits, idleMs: 200 } })).start()
    await until(async () => !(await client.runs('sesn_one')))
  })

  // Over a socket one may be done before the other comes.
  it('does not come back for a session that is destroyed meanwhile', async () => {
    const host = { root: await temporaryFolder(), runtime: {} as RuntimeFiles, cgroups: undefined, cgroupPrefix: '' }
    const session = new KeptSession(host, 'sesn_one')
    session.open(spec())
    const [started, destroyed] = await Promise.allSettled([session.start(), session.destroy()])
    expect(started).toMatchObject({ reason: { message: expect.stringContaining('the session is gone') } })
    expect(destroyed.status).toBe('fulfilled')
    expect(session.runs).toBe(false)
    expect(await readdir(host.root, { recursive: true })).toEqual([])
  })
})

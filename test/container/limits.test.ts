import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import type { Container } from '../../activities/container/provider.ts'
import { until } from '../support/until.ts'

const MiB = 1024 * 1024
const limits = { memoryBytes: 256 * MiB, pids: 64, cpus: 2, tmpBytes: 16 * MiB }

let container: Container

beforeAll(async () => {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  // The containers' users have to walk through it, otherwise the containers lie elsewhere.
  await chmod(dataDir, 0o711)
  const provider = new BubblewrapProvider({ dataDir, keeperIdleMs: 500 })
  container = await provider.open({ sessionId: 'sesn_limits', mounts: [], limits })
  return async () => {
    await provider.shutdown()
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
})

async function call(name: 'bash' | 'read', input: Record<string, unknown>, timeoutMs = 25_000) {
  const result = await container.call({ id: `sevt_${randomUUID().replaceAll('-', '')}`, name, input, timeoutMs })
  const [block] = result.content
  return { text: block?.type === 'text' ? block.text : '', failed: result.is_error, outcome: result.outcome }
}
const bash = (command: string, timeout_ms = 20_000) => call('bash', { command, timeout_ms })

/** Processes inside, without those that ask. */
const processes = async () => Number((await bash('set -- /proc/[0-9]*; echo $#')).text)

describe('the priority of processes', () => {
  it('is below that of the sessions, also where Linux shares the processors out by session', async () => {
    expect((await bash('read -r -a stat </proc/$$/stat; printf %s "$' + '{stat[18]}"')).text).toBe('10')
    if (!existsSync('/proc/self/autogroup')) return
    // Linux does not let it be changed as often as containers may want.
    await until(async () => / nice 10$/m.test((await bash('cat /proc/$$/autogroup')).text))
  })
})

describe('the number of processes', () => {
  it('is bounded, and the container goes on when the storm is over', async () => {
    const storm = `
import os, signal
children = []
try:
    while len(children) < 300:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
except OSError as error:
    print(error.strerror)
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(len(children))`
    const [refusal, count] = (await bash(`python3 -c '${storm}'`)).text.split('\n')
    expect(refusal).toBe('Resource temporarily unavailable')
    expect(Number(count)).toBeGreaterThan(20)
    expect(Number(count)).toBeLessThan(limits.pids)
    expect((await bash('echo alive')).text).toBe('alive')
  })
})

describe('memory', () => {
  it('costs the process that takes too much its life, and not the container', async () => {
    await bash('kept=yes; sleep 1051 >/dev/null 2>&1 &')
    const bomb = await bash(`python3 -c 'x = bytearray(${limits.memoryBytes + 64 * MiB}); print(len(x))'`)
    expect(bomb).toMatchObject({ failed: true, outcome: 'done' })
    expect(bomb.text).toMatch(/Killed|MemoryError/)
    expect((await bash('echo $kept; pgrep -fc "^sleep 1051"; pkill -f "^sleep 1051"')).text).toBe('yes\n1')
  })

  it('of temporary folders is bounded', async () => {
    const fill = (file: string) => bash(`head -c ${200 * MiB} /dev/zero >${file}; stat -c %s ${file}; rm -f ${file}`)
    const tmp = await fill('/tmp/fill')
    expect(tmp.text).toContain('No space left on device')
    expect(tmp.text.split('\n').at(-1)).toBe(String(limits.tmpBytes))
    const shared = await fill('/dev/shm/fill')
    expect(shared.text).toContain('No space left on device')
    expect(shared.text.split('\n').at(-1)).toBe(String(64 * MiB))
  })
})

describe('output', () => {
  it('of up to 100,000 characters is shown whole', async () => {
    expect((await bash(`head -c 100000 /dev/zero | tr '\\0' x`)).text).toBe('x'.repeat(100_000))
  })

  it('of more is shown in part, and all of it is in a file that can be read', async () => {
    const { text, failed } = await bash('seq 100000')
    expect(failed).toBe(false)
    expect(text.length).toBeLessThan(101_000)
    expect(text).toMatch(/^1\n2\n3\n/)
    expect(text).toMatch(/\n99999\n100000$/)
    const [, left, file] = /\[(\d+) characters left out; all of it is in (\S+)\]/.exec(text)!
    expect(Number(left)).toBe(588_895 - 100_000)
    expect((await bash(`seq 100000 | cmp - ${file} && echo same`)).text).toBe('same')
    expect((await call('read', { file_path: file, view_range: [50_000, 50_001] })).text).toBe('50000\n50001')
  })

  it('without end is kept up to a bound', async () => {
    const { text } = await bash(`head -c ${40 * MiB} /dev/zero | tr '\\0' x; echo end`)
    expect(text.length).toBeLessThan(101_000)
    expect(text).toMatch(/xend$/)
    const [, kept, file] = /the first (\d+) bytes are in (\S+)\]/.exec(text)!
    expect(Number(kept)).toBe(32 * MiB)
    expect((await bash(`stat -c %s ${file}; rm ${file}`)).text).toBe(kept)
  })

  it('is shown also when its file cannot be written', async () => {
    await bash('mv ~/.tool-output ~/kept; touch ~/.tool-output')
    const { text, outcome } = await bash('seq 100000')
    expect(outcome).toBe('done')
    expect(text).toMatch(/^1\n2\n.*only the first 0 bytes could be written.*\n100000$/s)
    await bash('rm ~/.tool-output; mv ~/kept ~/.tool-output')
  })

  it('of a failed command is cut in the same way', async () => {
    const { text, failed } = await bash('seq 100000; false')
    expect(failed).toBe(true)
    expect(text).toContain('characters left out')
  })
})

describe('a long command', () => {
  it('of 200 kB works', async () => {
    const { text } = await bash(`text='${'a'.repeat(200_000)}'; echo \${#text}; unset text`)
    expect(text).toBe('200000')
  })
})

describe('a command that takes too long', () => {
  it('is stopped also when it ignores signals, and says so', async () => {
    const before = await processes()
    const stopped = await bash(`echo begun; trap '' TERM INT HUP QUIT; while :; do :; done`, 300)
    expect(stopped).toMatchObject({ failed: true, outcome: 'done' })
    expect(stopped.text).toBe('begun\nThe command was stopped after 300 ms. The shell was restarted.')
    expect((await bash('echo again')).text).toBe('again')
    await until(async () => (await processes()) === before)
  })

  it("is stopped at the host's limit when that is the shorter one", async () => {
    const { text } = await call('bash', { command: 'sleep 20', timeout_ms: 20_000 }, 250)
    expect(text).toContain('stopped after 250 ms')
  })

  it('takes children with it that left its process group', async () => {
    await bash('setsid sleep 1052 >/dev/null 2>&1 & (setsid bash -c "sleep 1053 & wait" &) ; sleep 20', 500)
    await until(async () => (await bash('pgrep -fc "^sleep 105[23]"')).text === '0')
  })

  it('takes subshells with it that have started no program', async () => {
    const before = await processes()
    await bash('(while :; do :; done) & ( (while :; do :; done) & ); while :; do :; done | cat', 500)
    await until(async () => (await processes()) === before)
  })

  it('leaves processes of earlier commands alone', async () => {
    await bash(
      'sleep 1054 >/dev/null 2>&1 & (while :; do sleep 0.05; done) >/dev/null 2>&1 & loop=$!; echo $loop >/tmp/loop',
    )
    expect((await bash('sleep 20', 300)).text).toContain('stopped after')
    expect((await bash('pgrep -fc "^sleep 1054"; kill -0 $(cat /tmp/loop) && echo loops')).text).toBe('1\nloops')
    await bash('pkill -f "^sleep 1054"; kill -9 $(cat /tmp/loop)')
  })
})

import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { attemptCheckout } from '../../activities/container/keeper/checkout-attempt.ts'
import { CallLost, KeptContainer } from '../../activities/container/keeper/kept-container.ts'
import type { Container } from '../../activities/container/provider.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const sessionId = 'sesn_escapes'
const secret = `secret-${randomUUID()}`
const limits = { memoryBytes: 512 * 1024 * 1024, pids: 128, cpus: 2, tmpBytes: 16 * 1024 * 1024 }

let dataDir: string
let provider: BubblewrapProvider
let container: Container

beforeAll(async () => {
  process.env.HOLDFAST_TEST_SECRET = secret
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  // The containers' users have to walk through it, otherwise the containers lie elsewhere.
  await chmod(dataDir, 0o711)
  const upload = path.join(dataDir, 'upload.txt')
  await writeFile(upload, 'uploaded')
  provider = new BubblewrapProvider({ dataDir, keeperIdleMs: 500 })
  const mounts = [{ target: '/mnt/session/uploads/upload.txt', source: upload, mode: 'ro' as const }]
  container = await provider.open({ sessionId, mounts, limits })
  return async () => {
    await provider.shutdown()
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    delete process.env.HOLDFAST_TEST_SECRET
  }
})

async function bash(command: string): Promise<{ text: string; failed: boolean; outcome: string }> {
  const id = `sevt_${randomUUID().replaceAll('-', '')}`
  const result = await container.call({ id, name: 'bash', input: { command }, timeoutMs: 20_000 })
  const [block] = result.content
  return { text: block?.type === 'text' ? block.text : '', failed: result.is_error, outcome: result.outcome }
}

/** Runs Python; a raw system call is `call(number, ...)`, which gives the name of its error, or "done". */
async function python(program: string): Promise<string> {
  const prelude = `
import ctypes, errno, fcntl, os, socket, termios
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *given):
    ctypes.set_errno(0)
    value = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(one) for one in given])
    return "done" if value >= 0 else errno.errorcode[ctypes.get_errno()]
`
  return (await bash(`python3 - <<'PYTHON'\n${prelude}${program}\nPYTHON`)).text
}

const keeper = async () => Number(await readFile(path.join(dataDir, 'keeper.pid'), 'utf8'))

/** Pids of everything below a process of the host. */
async function descendants(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const children = text.split(' ').filter(Boolean).map(Number)
  return [...children, ...(await Promise.all(children.map(descendants))).flat()]
}

async function listening(server: Server, address: object): Promise<Server> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address, resolve)
  })
  return server
}

describe('the host, seen from a container', () => {
  it('shows none of its accounts, keys or homes', async () => {
    expect((await bash('cat /etc/shadow')).text).toMatch(/No such file/)
    expect((await bash('cat /etc/passwd')).text.split('\n')).toHaveLength(2)
    expect((await bash('cat /etc/machine-id /etc/hostname')).text).not.toMatch(/^[0-9a-f]{32}$/m)
    expect((await bash('ls /root /var /srv /boot /sys')).text.split('\n')).toHaveLength(5)
    expect((await bash('ls /home')).text).toBe('agent')
  })

  it('shows nothing of the data folder, not even by its path', async () => {
    expect((await bash(`ls ${dataDir}; cat ${dataDir}/upload.txt`)).text).toMatch(/^(.*No such file.*\n?){2}$/)
    expect((await bash('cat /mnt/session/uploads/upload.txt')).text).toBe('uploaded')
  })

  it('is not reached by planted symbolic links through the file tools', async () => {
    await bash(`mkdir -p deep; ln -sfn / root; ln -sf ${dataDir}/keeper.pid pid; ln -sfn ../../../../../.. deep/up`)
    for (const file of ['pid', `root${dataDir}/keeper.pid`, `deep/up${dataDir}/keeper.pid`, 'root/etc/shadow']) {
      const id = `sevt_${randomUUID().replaceAll('-', '')}`
      const result = await container.call({ id, name: 'read', input: { file_path: file }, timeoutMs: 5000 })
      expect(result).toMatchObject({ is_error: true, content: [{ text: expect.stringContaining('does not exist') }] })
    }
  })

  it('shows none of its processes', async () => {
    const { text } = await bash(`cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; ls -d /proc/[0-9]* | wc -l`)
    expect(text).not.toMatch(/vitest|keeper|setpriv|prlimit/)
    expect(Number(text.split('\n').at(-1))).toBeLessThan(10)
  })

  it('leaves no variable of its own in any environment', async () => {
    const { text } = await bash(`cat /proc/[0-9]*/environ | tr '\\0' '\\n'`)
    expect(text).toContain('HOME=/home/agent')
    expect(text).not.toContain(secret)
    expect(text).not.toContain('HOLDFAST_TEST_SECRET')
    expect(text).not.toContain('node_modules')
  })

  it('names none of its paths in the command line of the first process', async () => {
    const { text } = await bash(`tr '\\0' ' ' </proc/1/cmdline`)
    expect(text).toContain('/run/holdfast/node')
    expect(text).not.toContain(dataDir)
    expect(text).not.toContain('bwrap')
  })

  it('passes on no open file or folder', async () => {
    const { text } = await bash('ls -l /proc/[0-9]*/fd')
    const targets = [...text.matchAll(/-> (\/.*)$/gm)].map(([, target]) => target!)
    expect(targets.filter((target) => !target.startsWith('/dev/') && !target.startsWith('/proc/'))).toEqual([])
  })

  it('gives it a user of its own that is not root', async () => {
    expect((await bash('id -u; id -g; id -G')).text).toBe('1000\n1000\n1000')
    if (process.getuid?.() === 0) {
      const status = (pid: number) => readFile(`/proc/${pid}/status`, 'utf8')
      const inside = await descendants(await keeper())
      for (const pid of inside) expect(await status(pid)).toMatch(/^Uid:(\t([2-9]\d{5}|1[01]\d{5})){4}$/m)
    }
    expect((await bash('cat /proc/self/setgroups')).text).toBe('deny')
  })
})

describe("the host's network, seen from a container", () => {
  it('has no interface but loopback, and no route', async () => {
    expect((await bash(`tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '`)).text).toBe('lo')
    expect((await bash('tail -n +2 /proc/net/route | wc -l')).text).toBe('0')
  })

  it('does not lead to a port on loopback', async () => {
    const server = await listening(createServer(), { port: 0, host: '127.0.0.1' })
    try {
      const { port } = server.address() as { port: number }
      expect((await bash(`echo >/dev/tcp/127.0.0.1/${port}`)).text).toMatch(/Connection refused/)
    } finally {
      server.close()
    }
  })

  it('does not lead to an abstract unix socket', async () => {
    const name = `holdfast-test-${randomUUID()}`
    const server = await listening(createServer(), { path: `\0${name}` })
    try {
      const program = `
try:
    socket.socket(socket.AF_UNIX).connect("\\0${name}")
    print("connected")
except OSError as error:
    print(errno.errorcode[error.errno])`
      expect(await python(program)).toBe('ECONNREFUSED')
    } finally {
      server.close()
    }
  })

  it('has no sockets but unix, internet and netlink: none to the hypervisor', async () => {
    const program = `
def attempt(family, kind):
    try:
        socket.socket(family, kind)
        return "made"
    except OSError as error:
        return errno.errorcode[error.errno]
print(attempt(40, socket.SOCK_STREAM), attempt(socket.AF_PACKET, socket.SOCK_RAW), attempt(38, socket.SOCK_SEQPACKET))
print(attempt(socket.AF_UNIX, socket.SOCK_STREAM), attempt(socket.AF_INET, socket.SOCK_STREAM))`
    expect(await python(program)).toBe('EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT\nmade made')
  })
})

describe('what a container may not write', () => {
  it.each(['/', '/dev', '/etc', '/usr', '/usr/bin', '/run', '/mnt', '/mnt/session/uploads', '/mnt/memory', '/home'])(
    'is %s',
    async (folder) => {
      expect((await bash(`touch ${path.posix.join(folder, 'new')}`)).text).toMatch(
        /Read-only file system|Permission denied/,
      )
    },
  )

  it('is an uploaded file', async () => {
    expect((await bash('echo changed >/mnt/session/uploads/upload.txt')).text).toMatch(/Read-only file system/)
    expect((await bash('rm -f /mnt/session/uploads/upload.txt')).failed).toBe(true)
    expect(await readFile(path.join(dataDir, 'upload.txt'), 'utf8')).toBe('uploaded')
  })

  it("is the supervisor's own code", async () => {
    expect((await bash('touch /run/holdfast/supervisor/bash.ts /run/holdfast/node')).text).toMatch(/Read-only|denied/)
  })

  it('is not its workspace, outputs, home and temporary folders', async () => {
    expect(await bash('touch /workspace/x /mnt/session/outputs/x /home/agent/x /tmp/x /dev/shm/x')).toMatchObject({
      failed: false,
    })
  })
})

describe('a way out of a container', () => {
  it.each([
    'mount -t tmpfs none /tmp',
    'mount -o remount,rw /usr',
    'umount /workspace',
    'unshare --user --map-root-user id',
    'unshare --mount id',
    '/usr/sbin/chroot / id',
    'nsenter --target 1 --mount id',
    'nsenter --target 1 --user --preserve-credentials id',
    'mknod /tmp/disk b 254 0',
    'su -c id',
    'dmesg',
    'echo 1 >/proc/sys/kernel/core_pattern',
    'echo c >/proc/sysrq-trigger',
    'head -c 1 /proc/kcore',
    'echo 1 >/proc/sys/vm/drop_caches',
    'ls /dev/vda /dev/sda /dev/mem /dev/kmsg /dev/fuse /dev/kvm /dev/net/tun',
  ])('is not: %s', async (command) => {
    const { text, failed } = await bash(command)
    expect(failed).toBe(true)
    expect(text).not.toMatch(/uid=/)
    expect(text).not.toMatch(/command not found/)
    expect(text).toMatch(/denied|not permitted|Read-only|No such file|failed|must be|cannot|abort/i)
  })

  it('has no device beside the harmless ones', async () => {
    const known = 'console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' ')
    const found = (await bash('ls /dev')).text.split('\n')
    expect(found.filter((name) => !known.includes(name))).toEqual([])
    expect((await bash('find /dev -type b')).text).toBe('(no output)')
  })

  it('has no capability, no new privileges and a filter of system calls', async () => {
    const { text } = await bash('cat /proc/self/status')
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) expect(text).toMatch(new RegExp(`${set}:\\s+0{16}\\n`))
    expect(text).toMatch(/NoNewPrivs:\s+1\n/)
    expect(text).toMatch(/Seccomp:\s+2\n/)
  })

  it('has every namespace of its own', async () => {
    const names = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']
    const inside = (await bash(`cd /proc/self/ns; readlink ${names.join(' ')}`)).text.split('\n')
    const outside = await Promise.all(names.map((name) => readlink(`/proc/self/ns/${name}`)))
    expect(inside).toHaveLength(names.length)
    expect(inside.filter((name) => outside.includes(name))).toEqual([])
  })

  it('finds the dangerous system calls refused', async () => {
    const numbers = {
      x64: {
        ptrace: 101,
        unshare: 272,
        keyctl: 250,
        add_key: 248,
        io_uring_setup: 425,
        userfaultfd: 323,
        pidfd_getfd: 438,
      },
      arm64: {
        ptrace: 117,
        unshare: 97,
        keyctl: 219,
        add_key: 217,
        io_uring_setup: 425,
        userfaultfd: 282,
        pidfd_getfd: 438,
      },
    }[process.arch as 'x64' | 'arm64']
    const program = Object.entries(numbers).map(([name, number]) => `print("${name}", call(${number}, 0, 0, 0, 0, 0))`)
    expect((await python(program.join('\n'))).split('\n')).toEqual(Object.keys(numbers).map((name) => `${name} EPERM`))
  })

  it('does not get a namespace by clone, and clone3 hides no flags', async () => {
    const clone = process.arch === 'x64' ? 56 : 220
    // CLONE_NEWUSER with SIGCHLD; a child that came to be would end at once.
    const program = `
result = call(${clone}, 0x10000000 | 17, 0, 0, 0, 0)

print(result, call(435, 0, 0))`
    expect(await python(program)).toBe('EPERM ENOSYS')
  })

  it('does not pass by the filter with the numbers of another ABI', async () => {
    // x32's getpid; arm64 has no such ABI, and no call of this number.
    expect(await python('print(call(0x40000000 | 39))')).toBe('ENOSYS')
  })

  it('cannot type into a terminal, also not with bits that the kernel ignores', async () => {
    const ioctl = process.arch === 'x64' ? 16 : 29
    const program = `
main, side = os.openpty()
letter = ctypes.create_string_buffer(b"x")
for request in (0x5412, 0x541c, 0x5412 | 1 << 32):
    print(call(${ioctl}, side, request, ctypes.addressof(letter)))
print(len(termios.tcgetattr(side)))`
    expect(await python(program)).toBe('EPERM\nEPERM\nEPERM\n7')
  })
})

describe('a container attacked from inside', () => {
  it('lives on when its first process is killed', async () => {
    expect((await bash('kill -9 1; echo alive')).text).toBe('alive')
  })

  it('reports the call as of unknown outcome when its supervisor is killed, and keeps background processes', async () => {
    await bash('sleep 1041 >/dev/null 2>&1 &')
    const killed = await bash('kill -9 $(pgrep -x supervisor); sleep 20')
    expect(killed.outcome).toBe('unknown')
    expect(await bash('pgrep -fc "^sleep 1041"')).toMatchObject({ text: '1', outcome: 'done' })
    await bash('pkill -f "^sleep 1041"')
  })

  it('does not open its supervisor to a debugger', async () => {
    const { text } = await bash('kill -USR1 $(pgrep -x supervisor); cat /proc/$(pgrep -x supervisor)/status')
    const caught = BigInt(`0x${/SigCgt:\s+(\S+)/.exec(text)![1]}`)
    const bit = (signal: number) => (caught >> BigInt(signal - 1)) & 1n
    expect([bit(os.constants.signals.SIGUSR1), bit(os.constants.signals.SIGCHLD)]).toEqual([0n, 1n])
  })

  it('is usable again after everything in it was killed', async () => {
    expect((await bash('kill -9 -1; sleep 20')).outcome).toBe('unknown')
    expect(await bash('echo back')).toEqual({ text: 'back', failed: false, outcome: 'done' })
  })

  it('keeps no zombies of orphans', async () => {
    await bash('for i in $(seq 20); do (sleep 0.01 &); done')
    // Those that still sleep are none yet, and a zombie has no command line.
    await until(async () => (await bash('pgrep -fc "^sleep 0.01"')).text === '0')
    await until(async () => (await bash(`grep -l '^State:.Z' /proc/[0-9]*/status | wc -l`)).text === '0')
  })
})

describe('a supervisor that was taken over', () => {
  /** A container whose first process is a script of the test's. */
  function containerOf(script: string, options?: { stopTimeoutMs: number }): KeptContainer {
    const process = spawn('/bin/sh', ['-c', `echo '{"event":"ready"}'; ${script}`], { stdio: 'pipe' })
    return new KeptContainer(process, options)
  }
  const call = { id: 'sevt_1', name: 'bash', input: {}, timeoutMs: 1000 }
  const result = { content: [{ type: 'text', text: 'ok' }], is_error: false, outcome: 'done' }

  it('is ended with its container when it stops no call', async () => {
    const container = containerOf('exec cat > /dev/null', { stopTimeoutMs: 10 })
    await container.started()
    const running = container.call(call, () => {})
    container.stopCall('sevt_2')
    container.stopCall(call.id)
    await expect(running).rejects.toThrow(CallLost)
    expect(container.ended).toBe(true)
  })

  it.each(['null', '7', '"text"', '[]', '{"event":"result","id":7}', '{"event":"output"}', 'no JSON'])(
    'does no harm to the keeper by answering %s',
    async (line) => {
      const container = containerOf(
        `read call; echo '${line}'; echo '${JSON.stringify({ event: 'result', id: call.id, result })}'; cat`,
      )
      await container.started()
      expect(await container.call(call, () => {})).toEqual(result)
      await container.stop()
    },
  )

  /** What the call is answered with when the supervisor says these lines. */
  async function answered(lines: string[], onOutput: (text: string) => void = () => {}) {
    const file = path.join(await temporaryFolder(), 'lines')
    await writeFile(file, lines.map((line) => `${line}\n`).join(''))
    const container = containerOf(`read call; cat ${file}; cat`)
    onTestFinished(() => container.stop())
    await container.started()
    return container.call(call, onOutput)
  }
  const saying = (said: unknown) => answered([JSON.stringify({ event: 'result', id: call.id, result: said })])
  const text = (said: unknown) => ({ ...result, content: [{ type: 'text', text: said }] })
  const medium = (type: string, bytes: Buffer) => ({
    ...result,
    content: [{ type, source: { type: 'base64', media_type: 'image/png', data: bytes.toString('base64') } }],
  })
  const png = (size: number) => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(size - 8, 7)])
  const mediaLimit = 5 * 1024 * 1024

  it.each([
    ['a text', text('ok')],
    ['a failure', { ...text('no'), is_error: true }],
    ['an interrupted call', { ...text('no'), is_error: true, outcome: 'interrupted' }],
    ['the largest medium', medium('image', png(mediaLimit))],
  ])('is believed that a result is %s', async (_what, given) => {
    expect(await saying(given)).toEqual(given)
  })

  it('is believed nothing else of a result: no host, no notices, no field of a block', async () => {
    const notices = [{ type: 'unknown_error', message: 'x', retry_status: { type: 'retrying' } }]
    const content = [{ type: 'text', text: 'ok', cache_control: { type: 'ephemeral' } }]
    expect(await saying({ ...result, content, host: 'elsewhere', notices, whole: 'x' })).toEqual(result)
  })

  it.each([
    ['no object', 'x'],
    ['nothing', null],
    ['content that is no array', { ...result, content: 'x' }],
    ['no content', { ...result, content: [] }],
    ['more blocks than one', { ...result, content: [...result.content, ...result.content] }],
    ['a block of another type', { ...result, content: [{ type: 'tool_use', id: 'x', name: 'bash', input: {} }] }],
    ['a text that is none', text(7)],
    [
      'an address in the place of a medium',
      { ...result, content: [{ type: 'image', source: { type: 'url', url: 'x' } }] },
    ],
    ['a medium of no known type', medium('image', Buffer.from('MZ'))],
    ['an image that is said to be a document', medium('document', png(100))],
    ['a medium that is too large', medium('image', png(mediaLimit + 1))],
    ['no word of whether it failed', { ...result, is_error: 'no' }],
    ['an outcome that is none', { ...result, outcome: 'fine' }],
  ])('that answers with %s has given no result that can be read', async (_what, given) => {
    const read = await saying(given)
    expect(read).toMatchObject({ is_error: true, outcome: 'unknown' })
    expect(read.content).toEqual([{ type: 'text', text: expect.stringContaining('no result that can be read') }])
  })

  it('cannot spoil the transcript by a text that the model’s API would refuse', async () => {
    expect(await saying(text(' \n'))).toEqual(text('(no output)'))
    expect(await saying(text('half \ud83d'))).toEqual(text('half \ufffd'))
    expect(await saying(text('x'.repeat(1_000_000)))).toEqual(text('x'.repeat(101_000)))
  })

  it('cannot spoil what is said of a clone by half a character', async () => {
    const said = { ok: false, kind: 'repository_clone_error', message: 'half \ud83d' }
    const line = { event: 'result', id: 'checkout_one', result: text(JSON.stringify(said)) }
    const container = containerOf(`read call; echo '${JSON.stringify(line)}'; cat`)
    onTestFinished(() => container.stop())
    const repository = { id: 'one', url: 'https://git.example/a', path: '/workspace/a', credential: '' }
    expect(await attemptCheckout(repository, async () => container)).toEqual({ ...said, message: 'half \ufffd' })
  })

  it('passes on only so much output, and only text', async () => {
    const output = (said: unknown) => JSON.stringify({ event: 'output', id: call.id, text: said })
    let seen = ''
    const flood = Array.from({ length: 30 }, () => output('x'.repeat(9_000)))
    const lines = [output(7), output(['x']), ...flood, JSON.stringify({ event: 'result', id: call.id, result })]
    await answered(lines, (text) => {
      seen += text
    })
    expect(seen).toBe('x'.repeat(100_000))
  })

  it.each([
    ['deep', `${'['.repeat(2000)}${']'.repeat(2000)}`],
    ['wide', `[${'{},'.repeat(2000)}{}]`],
  ])('is not heard with a line that is %s', async (_how, more) => {
    const line = (said: unknown, rest: string) =>
      `{"event":"result","id":"${call.id}","result":${JSON.stringify(said)}${rest}}`
    expect(await answered([line(text('first'), `,"more":${more}`), line(text('second'), '')])).toEqual(text('second'))
  })

  it('is ended when it answers with a line that is too long, also when it has an end', async () => {
    const line = JSON.stringify({ event: 'result', id: call.id, result, more: 'x'.repeat(9 * 1024 * 1024) })
    await expect(answered([line])).rejects.toThrow('the container ended')
  })

  it('is ended when it answers with a line that has no end', async () => {
    const container = containerOf(`read call; exec tr '\\0' x </dev/zero`)
    await container.started()
    await expect(container.call(call, () => {})).rejects.toThrow('the container ended')
    expect(container.ended).toBe(true)
  })
})

describe('a container that was stopped', () => {
  it('leaves no process on the host', async () => {
    await bash('setsid sleep 1042 >/dev/null 2>&1 & (sleep 1043 >/dev/null 2>&1 &)')
    const inside = await descendants(await keeper())
    expect(inside.length).toBeGreaterThanOrEqual(6)
    await provider.stop(sessionId)
    await until(async () => (await readdir('/proc')).every((name) => !inside.includes(Number(name))))
    expect(await descendants(await keeper())).toEqual([])
    expect((await bash('pgrep -fc "^sleep 104"')).text).toBe('0')
  })
})

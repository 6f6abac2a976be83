import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import type { Container, ContainerCall } from '../../activities/container/provider.ts'
import { until } from '../support/until.ts'

const MiB = 1024 * 1024
const limits = { memoryBytes: 512 * MiB, pids: 128, cpus: 2, tmpBytes: 32 * MiB }

let container: Container
let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  // The containers' users have to walk through it, otherwise the containers lie elsewhere.
  await chmod(dataDir, 0o711)
  const source = path.join(dataDir, 'upload')
  await writeFile(source, 'a,b\n1,2\n')
  const provider = new BubblewrapProvider({ dataDir, keeperIdleMs: 500 })
  const mounts = [{ target: '/workspace/data.csv', source, mode: 'ro' as const }]
  container = await provider.open({ sessionId: 'sesn_tools', mounts, limits })
  return async () => {
    await provider.shutdown()
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
})

const call = (name: ContainerCall['name'], input: Record<string, unknown>) =>
  container.call({ id: `sevt_${randomUUID().replaceAll('-', '')}`, name, input, timeoutMs: 20_000 })

/** The text of a call that works. */
async function text(name: ContainerCall['name'], input: Record<string, unknown>): Promise<string> {
  const { content, is_error, outcome } = await call(name, input)
  expect({ content, is_error, outcome }).toMatchObject({
    content: [{ type: 'text' }],
    is_error: false,
    outcome: 'done',
  })
  return (content[0] as { text: string }).text
}

/** The text of a call that fails. */
async function error(name: ContainerCall['name'], input: Record<string, unknown>): Promise<string> {
  const { content, is_error, outcome } = await call(name, input)
  expect({ content, is_error, outcome }).toMatchObject({ content: [{ type: 'text' }], is_error: true, outcome: 'done' })
  return (content[0] as { text: string }).text
}

const bash = (command: string) => text('bash', { command })

describe('bash', () => {
  it('keeps folder, variables, functions and options from one command to the next', async () => {
    await bash('mkdir -p sub && cd sub; plain=1; export exported=2; declare -A table=([a]=3); f() { echo 4; }')
    expect(await bash(`echo $PWD $plain $(printenv exported) \${table[a]} $(f)`)).toBe('/workspace/sub 1 2 3 4')
    await bash('cd /workspace')
  })

  it('merges standard output and error in their order', async () => {
    expect(await bash('echo 1; echo 2 >&2; echo 3')).toBe('1\n2\n3')
  })

  it('gives a failed command as an error with its output, or with its exit code when it has none', async () => {
    expect(await error('bash', { command: 'echo seen; false' })).toBe('seen')
    expect(await error('bash', { command: '(exit 7)' })).toBe('exit 7')
    expect(await error('bash', { command: 'if then' })).toMatch(/syntax error/)
    expect(await bash('echo same shell')).toBe('same shell')
  })

  it('says so when there is no output', async () => {
    expect(await bash('true')).toBe('(no output)')
  })

  it('gives commands no input', async () => {
    expect(await bash('cat; read line || echo empty')).toBe('empty')
  })

  it('strips terminal sequences and line breaks at the end', async () => {
    expect(await bash(`printf '\\e[31mred\\e[0m\\n\\n\\n'`)).toBe('red')
  })

  it('keeps characters whole that come in pieces', async () => {
    expect(await bash(`printf '\\xe2\\x82'; sleep 0.05; printf '\\xac'; printf '\\036 odd'`)).toBe('€\x1e odd')
  })

  it('lets background processes go on, and does not wait for them', async () => {
    await bash('sleep 1061 & echo $! >/tmp/background')
    expect(await bash('kill -0 $(cat /tmp/background) && echo runs')).toBe('runs')
    await bash('kill $(cat /tmp/background)')
  })

  it('starts anew after exit, and says how it ended', async () => {
    await bash('mine=1')
    expect(await error('bash', { command: 'echo bye; exit 3' })).toBe('bye')
    expect(await error('bash', { command: 'exit 4' })).toBe('exit 4')
    expect(await bash('echo "[$mine]" $PWD')).toBe('[] /workspace')
    expect(await bash('sleep 1062 & exit 0')).toBe('(no output)')
    await bash('pkill -f "^sleep 1062"')
  })

  it('starts anew after its process was replaced or killed', async () => {
    expect(await bash('exec echo replaced')).toBe('replaced')
    expect(await error('bash', { command: 'kill -9 $$' })).toMatch(/exit SIGKILL/)
    expect(await bash('echo new')).toBe('new')
  })

  it.each(['continue', 'break', 'for i in 1; do break 9; done'])('ends a command that says "%s"', async (command) => {
    expect(await bash(`echo before; ${command}`)).toBe('before')
    expect(await bash('echo after')).toBe('after')
  })

  it('keeps its state over a stray break or continue', async () => {
    await bash('stays=here; break')
    await bash('continue')
    expect(await bash('echo $stays')).toBe('here')
  })

  it('forgets its state when it is to restart', async () => {
    await bash('mine=1; cd /tmp')
    expect(await text('bash', { restart: true })).toBe('bash was restarted')
    expect(await bash('echo "[$mine]" $PWD')).toBe('[] /workspace')
    await bash('mine=1')
    expect(await text('bash', { restart: true, command: 'echo "[$mine]"' })).toBe('[]')
  })

  it('runs one command at a time', async () => {
    await bash('rm -f order')
    await Promise.all(['a', 'b', 'c'].map((name) => bash(`echo ${name} >>order; sleep 0.02; echo ${name} >>order`)))
    expect(await bash('cat order; rm order')).toMatch(/^(\w)\n\1\n(\w)\n\2\n(\w)\n\3$/)
  })

  it('refuses an input that makes no sense', async () => {
    expect(await error('bash', {})).toBe('command is required (or restart: true)')
    expect(await error('bash', { command: 7 })).toBe('command must be a string, not a number')
    expect(await error('bash', { command: 'true', restart: 'yes' })).toBe('restart must be a boolean, not a string')
    expect(await error('bash', { command: 'true', timeout_ms: 0 })).toBe('timeout_ms must be a positive whole number')
    expect(await error('bash', { command: 'true', timeout_ms: '9' })).toBe('timeout_ms must be a number, not a string')
    expect(await error('bash', { command: 'a\0b' })).toBe('command must not contain a NUL character')
  })
})

describe('a file mounted in the workspace', () => {
  it('is there, and cannot be changed by any tool', async () => {
    expect(await text('read', { file_path: 'data.csv' })).toBe('a,b\n1,2\n')
    expect(await error('write', { file_path: 'data.csv', content: 'x' })).toBe('/workspace/data.csv is read-only')
    const change = { file_path: '/workspace/data.csv', old_string: '1', new_string: '9' }
    expect(await error('edit', change)).toBe('/workspace/data.csv is read-only')
    expect(await error('bash', { command: 'echo x >data.csv' })).toMatch(/Read-only file system/)
    expect(await error('bash', { command: 'rm -f data.csv' })).toMatch(/busy|Read-only/)
    expect(await bash('cat data.csv; ls -A | grep -c partial || true')).toBe('a,b\n1,2\n0')
  })
})

describe('read', () => {
  it('gives the text of a file, by absolute path or from the workspace', async () => {
    await bash(`printf 'Grüße\\n' >hello.txt; : >empty.txt`)
    expect(await text('read', { file_path: 'hello.txt' })).toBe('Grüße\n')
    expect(await text('read', { file_path: '/workspace/hello.txt' })).toBe('Grüße\n')
    expect(await text('read', { file_path: 'empty.txt' })).toBe('(empty file)')
  })

  it.each([
    [[2, 3], '2\n3'],
    [[9, 0], '9\n10'],
    [[9, -1], '9\n10'],
    [[9, 50], '9\n10'],
    [[10, 10], '10'],
  ])('gives the lines of the view_range %j', async (view_range, expected) => {
    await bash('seq 10 >ten.txt')
    expect(await text('read', { file_path: 'ten.txt', view_range })).toBe(expected)
  })

  it('takes every kind of line break, also one that lies between two pieces of the file', async () => {
    await bash('printf "a\\r\\nb\\rc\\xe2\\x80\\xa8d\\n\\ne\\r" >breaks.txt')
    expect(await text('read', { file_path: 'breaks.txt', view_range: [1, -1] })).toBe('a\nb\nc\nd\n\ne')
    expect(await error('read', { file_path: 'breaks.txt', view_range: [7, 7] })).toMatch(/has only 6 lines/)
    await bash('(head -c 65535 /dev/zero | tr "\\0" x; printf "\\r\\nsecond") >pieces.txt')
    expect(await text('read', { file_path: 'pieces.txt', view_range: [2, -1] })).toBe('second')
    await bash('rm breaks.txt pieces.txt')
  })

  it.each([
    [[0, 3], 'view_range: lines are counted from 1'],
    [[5, 3], 'view_range: the last line lies before the first'],
    [[1], 'view_range must be two whole numbers: first and last line'],
    [[1.5, 2], 'view_range must be two whole numbers: first and last line'],
    ['1-2', 'view_range must be two whole numbers: first and last line'],
    [[11, 12], '/workspace/ten.txt has only 10 lines'],
  ])('refuses the view_range %j', async (view_range, expected) => {
    await bash('seq 10 >ten.txt')
    expect(await error('read', { file_path: 'ten.txt', view_range })).toBe(expected)
  })

  it('refuses more than 256 KiB at once, and gives parts of a longer file', async () => {
    await bash('seq 100000 >long.txt; head -c 262144 /dev/zero | tr "\\0" x >full.txt')
    expect(await text('read', { file_path: 'full.txt' })).toMatch(
      /^x{100000}\n\n\[162144 characters left out, most of them of line 1: cut it with bash\]$/,
    )
    expect(await error('read', { file_path: 'long.txt' })).toMatch(/588895 bytes, more than 262144: give a view_range/)
    expect(await text('read', { file_path: 'long.txt', view_range: [99_999, 0] })).toBe('99999\n100000')
    expect(await error('read', { file_path: 'long.txt', view_range: [1, 90_000] })).toMatch(
      /more than 262144 bytes: take/,
    )
    await bash('rm long.txt full.txt')
  })

  it('gives 100,000 characters of whole lines and says how to read on', async () => {
    await bash('seq 30000 >numbers.txt')
    const shown = await text('read', { file_path: 'numbers.txt' })
    const [, last, next] = /\n(\d+)\n\n\[\d+ characters left out: read on with view_range \[(\d+), -1\]/.exec(shown)!
    expect(Number(next)).toBe(Number(last) + 1)
    expect(shown.length).toBeLessThan(100_200)
    const rest = await text('read', { file_path: 'numbers.txt', view_range: [Number(next), -1] })
    expect(rest).toMatch(new RegExp(`^${next}\\n[^]*\\n30000$`))
    await bash('rm numbers.txt')
  })

  it.each([
    ['dot.png', 'image', 'image/png', '\x89PNG\r\n\x1a\n\x00'],
    ['dot.JPG', 'image', 'image/jpeg', '\xff\xd8\xff\xe0'],
    ['dot.gif', 'image', 'image/gif', 'GIF89a\x01'],
    ['dot.webp', 'image', 'image/webp', 'RIFF\x01\x02\x03\x04WEBPVP8'],
    ['page.pdf', 'document', 'application/pdf', '%PDF-1.7'],
  ])('gives %s as %s', async (name, type, media_type, text) => {
    const bytes = Buffer.from(text, 'latin1')
    await bash(`echo ${bytes.toString('base64')} | base64 -d >${name}`)
    const source = { type: 'base64', media_type, data: bytes.toString('base64') }
    expect(await call('read', { file_path: name })).toEqual({
      content: [{ type, source }],
      is_error: false,
      outcome: 'done',
    })
  })

  it('tells an image by its content, not by its name: the model could not go on with a false one', async () => {
    await bash(`echo no image >false.png; : >empty.pdf`)
    expect(await text('read', { file_path: 'false.png' })).toBe('no image\n')
    expect(await text('read', { file_path: 'empty.pdf' })).toBe('(empty file)')
  })

  it('gives an image of some megabytes, and refuses one that is too large', async () => {
    await bash(
      `for size in 4000000 6000000; do (echo iVBORw0KGgo= | base64 -d; head -c $size /dev/urandom) | head -c $size >$size.png; done`,
    )
    await bash('mv 4000000.png large.png; mv 6000000.png huge.png')
    const { content } = await call('read', { file_path: 'large.png' })
    const { data } = (content[0] as { source: { data: string } }).source
    expect(Buffer.from(data, 'base64')).toHaveLength(4_000_000)
    expect(await error('read', { file_path: 'huge.png' })).toMatch(/6000000 bytes; at most 5242880 can be shown/)
    await bash('rm large.png huge.png')
  })

  it('refuses what is no file', async () => {
    await bash('mkdir -p folder; mkfifo -m 600 pipe 2>/dev/null || true')
    expect(await error('read', { file_path: 'absent' })).toBe('/workspace/absent does not exist')
    expect(await error('read', { file_path: 'folder' })).toBe('/workspace/folder is a folder')
    expect(await error('read', { file_path: 'pipe' })).toBe('/workspace/pipe is no regular file')
    expect(await error('read', { file_path: '/dev/zero' })).toBe('/dev/zero is no regular file')
    expect(await error('read', {})).toBe('file_path is required')
    expect(await error('read', { file_path: 1 })).toBe('file_path must be a string, not a number')
  })
})

describe('write', () => {
  it('makes folders and says how many bytes it wrote', async () => {
    expect(await text('write', { file_path: 'new/deep/file.txt', content: 'Grüße' })).toBe(
      'wrote 7 bytes to /workspace/new/deep/file.txt',
    )
    expect(await bash('cat new/deep/file.txt')).toBe('Grüße')
  })

  it('replaces a file whole and keeps its mode', async () => {
    await bash('seq 1000 >script; chmod 755 script')
    await text('write', { file_path: 'script', content: 'short' })
    expect(await bash('cat script; stat -c " %a" script')).toBe('short 755')
  })

  it('writes through a symbolic link', async () => {
    await bash('echo old >target; ln -sf target link')
    await text('write', { file_path: 'link', content: 'new' })
    expect(await bash('cat target; test -L link && echo " link"')).toBe('new link')
  })

  it('refuses what cannot be written, and leaves nothing behind', async () => {
    await bash('mkdir -p folder; touch plain')
    expect(await error('write', { file_path: 'folder', content: '' })).toBe('/workspace/folder is no regular file')
    expect(await error('write', { file_path: 'plain/below', content: '' })).toMatch(/ENOTDIR|EEXIST/)
    expect(await error('write', { file_path: '/usr/x', content: '' })).toMatch(/EACCES|read-only/)
    expect(await error('write', { file_path: 'x' })).toBe('content is required')
    expect(await error('write', { content: 'x' })).toBe('file_path is required')
    expect(await error('write', { file_path: 'x', content: {} })).toBe('content must be a string, not a object')
    await call('bash', { command: 'head -c 100000000 /dev/zero >/tmp/fill' })
    expect(await error('write', { file_path: '/tmp/full', content: 'x'.repeat(100_000) })).toMatch(/ENOSPC/)
    await bash('rm /tmp/fill')
    expect(await bash('find /workspace /tmp -name "*.partial" | wc -l; ls /tmp/full 2>&1 || true')).toMatch(
      /^0\n.*No such file/,
    )
  })
})

describe('edit', () => {
  const file_path = 'edited.txt'
  const fill = (content: string) => text('write', { file_path, content })

  it('replaces the one occurrence', async () => {
    await fill('one two three')
    expect(await text('edit', { file_path, old_string: 'two', new_string: '$& $1 2' })).toBe(
      'replaced 1 occurrence in /workspace/edited.txt',
    )
    expect(await bash(`cat ${file_path}`)).toBe('one $& $1 2 three')
  })

  it('replaces all of them only when told so', async () => {
    await fill('a b a b a')
    expect(await error('edit', { file_path, old_string: 'a', new_string: 'c' })).toMatch(/occurs 3 times/)
    expect(await bash(`cat ${file_path}`)).toBe('a b a b a')
    expect(await text('edit', { file_path, old_string: 'a', new_string: '$&', replace_all: true })).toMatch(
      /^replaced 3 occurrences/,
    )
    expect(await bash(`cat ${file_path}`)).toBe('$& b $& b $&')
  })

  it('removes text', async () => {
    await fill('keep remove')
    await text('edit', { file_path, old_string: ' remove', new_string: '' })
    expect(await bash(`cat ${file_path}`)).toBe('keep')
  })

  it('does not touch a file whose other bytes it could not keep', async () => {
    await bash(`printf 'caf\\xe9 two' >latin`)
    expect(await error('edit', { file_path: 'latin', old_string: 'two', new_string: '2' })).toMatch(/no UTF-8 text/)
    expect(await bash('od -An -c latin')).toContain('351')
  })

  it('edits through a symbolic link', async () => {
    await bash('echo old >target; ln -sf target link')
    await text('edit', { file_path: 'link', old_string: 'old', new_string: 'new' })
    expect(await bash('cat target; test -L link && echo link')).toBe('new\nlink')
  })

  it('refuses what it cannot do', async () => {
    await fill('text')
    const edit = (input: Record<string, unknown>) =>
      error('edit', { file_path, old_string: 'a', new_string: 'b', ...input })
    expect(await edit({})).toBe('old_string was not found in /workspace/edited.txt')
    expect(await edit({ old_string: '' })).toBe('old_string must not be empty')
    expect(await edit({ new_string: 'a' })).toBe('old_string and new_string are the same')
    expect(await edit({ file_path: 'absent' })).toBe('/workspace/absent does not exist')
    expect(await edit({ file_path: '/workspace' })).toBe('/workspace is a folder')
    expect(await edit({ replace_all: 1 })).toBe('replace_all must be a boolean, not a number')
    expect(await error('edit', { file_path, new_string: 'b' })).toBe('old_string is required')
    expect(await error('edit', { file_path, old_string: 'a' })).toBe('new_string is required')
    await bash('head -c 262145 /dev/zero >big')
    expect(await edit({ file_path: 'big' })).toMatch(/262145 bytes; at most 262144 can be edited/)
  })
})

describe('glob', () => {
  it('finds files in all folders, the newest first', async () => {
    await bash('mkdir -p g/a/b g/.git g/node_modules/m && cd g && touch -d 2001-01-01 old.ts a/mid.js && cd ..')
    await bash('cd g; touch -d 2002-01-01 a/mid.ts; touch -d 2003-01-01 a/b/new.ts; cd ..')
    await bash('touch g/.git/x.ts g/node_modules/m/x.ts; mkdir -p g/folder.ts')
    expect(await text('glob', { pattern: '**/*.ts', path: 'g' })).toBe(
      '/workspace/g/a/b/new.ts\n/workspace/g/a/mid.ts\n/workspace/g/old.ts',
    )
    expect(await text('glob', { pattern: 'g/*.ts' })).toBe('/workspace/g/old.ts')
    expect(await text('glob', { pattern: '*.{js,md}', path: '/workspace/g/a' })).toBe('/workspace/g/a/mid.js')
  })

  it('gives at most 200 and says how many are left', async () => {
    await bash('mkdir -p many; for i in $(seq 205); do : >many/$i; done')
    const lines = (await text('glob', { pattern: '*', path: 'many' })).split('\n')
    expect(lines).toHaveLength(201)
    expect(lines.at(-1)).toBe('[5 more]')
  })

  it('says so when nothing matches', async () => {
    expect(await text('glob', { pattern: '*.none' })).toBe('no matches')
    expect(await text('glob', { pattern: '*', path: 'absent' })).toBe('no matches')
  })

  it('refuses patterns that lead out of the folder', async () => {
    for (const pattern of ['/etc/*', '../*', 'a/../../*']) {
      expect(await error('glob', { pattern })).toBe('pattern must be relative to path, without ".."')
    }
    expect(await error('glob', {})).toBe('pattern is required')
    expect(await error('glob', { pattern: '*', path: 1 })).toBe('path must be a string, not a number')
  })
})

describe('grep', () => {
  it('gives file, line and text', async () => {
    await bash(
      'mkdir -p s/deep s/.git s/node_modules; printf "a1\\nb2\\na3\\n" >s/deep/f; echo a9 >s/.git/f; echo a9 >s/node_modules/f',
    )
    expect(await text('grep', { pattern: 'a[0-9]', path: 's' })).toBe(
      '/workspace/s/deep/f:1:a1\n/workspace/s/deep/f:3:a3',
    )
    expect(await text('grep', { pattern: '(b|c)\\d?2|b2', path: 's/deep/f' })).toBe('/workspace/s/deep/f:2:b2')
    expect(await text('grep', { pattern: '-e', path: 's' })).toBe('no matches')
  })

  it('searches the workspace when it is given no path', async () => {
    await bash('echo only-here-5 >s/deep/g')
    expect(await text('grep', { pattern: 'only-here-\\b5' })).toBe('/workspace/s/deep/g:1:only-here-5')
  })

  it('gives 100,000 characters, and all of it in a file', async () => {
    await bash('seq 50000 | sed s/^/line/ >s/deep/long')
    const found = await text('grep', { pattern: 'line', path: 's' })
    expect(found.length).toBeLessThan(100_200)
    const [, file] = /characters left out; all of it is in (\S+)\]/.exec(found)!
    expect(await bash(`wc -l <${file}; tail -1 ${file}`)).toBe('50000\n/workspace/s/deep/long:50000:line50000')
    await bash('rm s/deep/long')
  })

  it('refuses what it cannot search', async () => {
    expect(await error('grep', { pattern: '(' })).toMatch(/\(/)
    expect(await error('grep', { pattern: 'x', path: 'absent' })).toBe('/workspace/absent does not exist')
    expect(await error('grep', {})).toBe('pattern is required')
  })
})

describe('the memory of what runs the tools', () => {
  it('holds however many files a pattern goes through', { timeout: 120_000 }, async () => {
    // With paths as long as they can be these take as much memory as many more.
    await bash(
      'kept=yes; name=$(head -c 230 /dev/zero | tr "\\0" x); mkdir tree && cd tree && for i in {1..14}; do mkdir $name; cd $name; done',
    )
    await bash('touch {1..16000}.ts; touch -d 2099-01-01 newest.ts; cd /workspace')
    const found = await text('glob', { pattern: '**/*.ts', path: 'tree' })
    expect(found).toMatch(/^[^\n]*\/newest\.ts\n.*\n\[15801 more\]$/s)
    expect(await bash('echo $kept; rm -r tree')).toBe('yes')
  })

  it('holds however long a line is', async () => {
    await bash('kept=yes; truncate -s 300M line; printf "\\nlast" >>line')
    expect(await error('read', { file_path: 'line', view_range: [1, 1] })).toBe(
      'lines 1 to 1 are more than 262144 bytes: take fewer',
    )
    expect(await text('read', { file_path: 'line', view_range: [2, -1] })).toBe('last')
    expect(await bash('echo $kept; rm line')).toBe('yes')
  })
})

describe('file tools beyond those that run at once', () => {
  it('wait, and are not begun any more when they are stopped meanwhile', async () => {
    await bash('mkfifo -m 600 endless')
    const newId = () => `sevt_${randomUUID().replaceAll('-', '')}`
    const begin = (name: ContainerCall['name'], input: Record<string, unknown>, signal: AbortSignal, id = newId()) =>
      container.call({ id, name, input, timeoutMs: 20_000 }, { signal })
    const searches = new AbortController()
    const searching = [1, 2, 3, 4].map(() => begin('grep', { pattern: 'x', path: 'endless' }, searches.signal))
    // None is a failure to pgrep.
    await until(async () => (await bash('pgrep -fc "x -- /workspace/endless" || true')) === '4')
    const stop = new AbortController()
    const waiting = begin('write', { file_path: 'waited', content: '' }, stop.signal, 'sevt_waiting')
    // It is handed in right after it is written down.
    await until(() => existsSync(path.join(dataDir, 'containers/sesn_tools/ledger/sevt_waiting.started')))
    stop.abort()
    expect(await waiting).toMatchObject({ outcome: 'interrupted' })
    expect(JSON.stringify((await waiting).content)).toContain('before it began')
    searches.abort()
    for (const result of await Promise.all(searching)) expect(result).toMatchObject({ outcome: 'interrupted' })
    expect(await text('glob', { pattern: 'waited' })).toBe('no matches')
    expect(await bash('pgrep -fc "x -- /workspace/endless"; rm endless')).toBe('0')
  })
})

describe('a tool beside a running command', () => {
  it('does not wait for it', async () => {
    const slow = bash('until [ -e /workspace/go ]; do sleep 0.02; done; rm /workspace/go; echo went')
    await text('write', { file_path: 'go', content: '' })
    expect(await slow).toBe('went')
    await until(async () => (await text('glob', { pattern: 'go' })) === 'no matches')
  })
})

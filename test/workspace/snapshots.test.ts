import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { access, chmod, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import type { ContainerSpec } from '../../activities/container/provider.ts'
import { removeTree } from '../../activities/remove-tree.ts'
import { Workspaces } from '../../activities/workspace/workspaces.ts'
import { openBlobs } from '../../store/open-blobs.ts'
import { openRecords } from '../../store/open-records.ts'
import { RecordsUnavailable } from '../../store/records-unavailable.ts'
import { aConfiguration, aSession } from '../store/samples.ts'
import { longName } from '../support/deep-folders.ts'
import { unheard } from '../support/unheard.ts'
import { until } from '../support/until.ts'

const MiB = 1024 * 1024
let ending: AsyncDisposableStack
let root: string
beforeEach(async () => {
  ending = new AsyncDisposableStack()
  root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-snapshots-'))
  ending.defer(() => rm(root, { recursive: true, force: true }))
  await chmod(root, 0o711)
})
afterEach(() => ending.disposeAsync())

/** Hosts with records and blobs in common, and a session. */
async function surroundings() {
  const records = await openRecords({ url: path.join(root, 'records.db') })
  ending.defer(() => records.close())
  const blobs = await openBlobs({ directory: path.join(root, 'blobs') })
  const session = aSession()
  await records.sessions.insert(session, aConfiguration)
  const sessionId = session.id
  const spec: ContainerSpec = {
    sessionId,
    mounts: [],
    limits: { memoryBytes: 512 * MiB, pids: 128, cpus: 1, tmpBytes: 16 * MiB },
  }
  let calls = 0
  const host = (name: string, maxBytes = 1024 * MiB) => {
    const containers = new BubblewrapProvider({ dataDir: path.join(root, name) })
    const pace = { quietMs: 3_600_000, longestMs: 3_600_000 }
    const workspaces = new Workspaces({ records, blobs, containers, host: name, maxBytes, ...pace })
    ending.defer(async () => {
      await workspaces.close()
      await containers.shutdown()
      await containers.close()
    })
    return {
      containers,
      workspaces,
      save: () => workspaces.save(sessionId),
      async bash(command: string, { isMoving = false } = {}): Promise<string> {
        const notices = await workspaces.prepare(sessionId, isMoving)
        const container = await containers.open({ ...spec, notices })
        const call = { id: `sevt_${++calls}`, name: 'bash' as const, input: { command }, timeoutMs: 60_000 }
        const { content } = await workspaces.around(sessionId, () => container.call(call))
        return content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
      },
      /** As a disk that is gone. */
      async lose(): Promise<void> {
        await containers.shutdown()
        await removeTree(path.join(root, name, 'containers', sessionId))
      },
    }
  }
  const stored = async () => {
    const folder = path.join(root, 'blobs', 'sessions', sessionId, 'snapshots')
    const names = await readdir(folder).catch(() => [])
    const sizes = await Promise.all(names.map(async (name) => (await stat(path.join(folder, name))).size))
    return { folder, names, bytes: sizes.reduce((sum, size) => sum + size, 0) }
  }
  return { records, blobs, session, sessionId, host, stored }
}

/** Everything there is to say of the files, but for times of change and inodes. */
const inventory = `find /workspace /home/agent /mnt/session/outputs -printf '%p %y %m %n %s %l %T@\\n' | sort
find /workspace /home/agent /mnt/session/outputs -type f -readable -exec sha256sum {} + | sort`

describe('the files of a session', () => {
  it('come back with their modes, links, times and names, whatever these are', { timeout: 180_000 }, async () => {
    const { host } = await surroundings()
    const one = host('one')
    await one.bash(`
      umask 022; cd /workspace
      mkdir -p deep/er/est empty "with space" .hidden
      echo text > deep/er/est/file; touch -d '2001-02-03 04:05:06.789' deep/er/est/file
      printf 'a\\nb' > "$(printf 'new\\nline')"; echo latin > "$(printf 'caf\\351')"; echo utf > 'grüße 漢字'; echo dash > ./-rf
      ln -s /etc/passwd absolute; ln -s deep/er relative; ln -s nowhere dangling
      echo twice > hard; ln hard link
      mkfifo pipe; truncate -s 3G sparse
      head -c 3000000 /dev/urandom > large; : > nothing
      echo run > script; chmod 755 script; echo shut > shut; chmod 000 shut
      mkdir readonly; echo in > readonly/in; chmod 555 readonly
      mkdir closed; echo in > closed/in; chmod 000 closed
      echo out > /mnt/session/outputs/out.txt; echo home > ~/.profile
      chmod 755 . ; touch -d 2002-01-01 empty`)
    const before = await one.bash(inventory)
    expect(before).toContain('/workspace/dangling l')
    expect(await one.save()).toBe(true)
    await one.lose()
    expect(await one.bash('true')).toMatch(
      /^\[The session's container was lost\. Its files are those of the snapshot of 20.*Z, and what was written later is lost\. /,
    )
    expect(await one.bash(inventory)).toBe(before)
    const [modes] = (await one.bash('stat -c %a shut closed; chmod 700 shut closed; cat shut closed/in')).split('\n$')
    expect(modes).toBe('0\n0\nshut\nin')
  })

  it('are saved by their changes, each once', async () => {
    const { host, stored } = await surroundings()
    const one = host('one')
    await one.bash('head -c 20000000 /dev/urandom > large; mkdir d; echo 1 > d/a; echo 2 > d/b')
    // Written at the moment of the look it would be saved again.
    await one.bash('sleep 0.1')
    await one.save()
    const first = await stored()
    expect(first.bytes).toBeGreaterThan(20_000_000)
    expect(await one.save()).toBe(false)
    await one.bash('echo more >> d/a; rm d/b; mkdir e; mv d/a e/c')
    expect(await one.save()).toBe(true)
    const second = await stored()
    expect(second.bytes - first.bytes).toBeLessThan(5000)
    await one.bash('rm -r d; echo file > d; rm -r e; ln -s large e')
    await one.save()
    await one.lose()
    expect(await one.bash('ls -l | wc -l; cat d; readlink e; stat -c %s large')).toMatch(/4\nfile\nlarge\n20000000$/)
    // What was put back is known: only what changes from here on is saved.
    await one.bash('echo on > on')
    const third = await stored()
    await one.save()
    expect((await stored()).bytes - third.bytes).toBeLessThan(5000)
  })

  it('are saved whole again when the changes have become more than they are', async () => {
    const { host, stored } = await surroundings()
    const one = host('one')
    for (let round = 0; round < 8; round++) {
      await one.bash('head -c 1500000 /dev/urandom > same')
      await one.save()
      expect((await stored()).bytes).toBeLessThan(9_000_000)
    }
    const { length } = (await stored()).names
    expect(length).toBeLessThan(8)
    const before = await one.bash('sha256sum same')
    await one.lose()
    await one.bash('true')
    expect(await one.bash('sha256sum same')).toBe(before)
  })

  it('come back without those that lie too deep to be named, also when these were there and went', async () => {
    const { host } = await surroundings()
    const one = host('one')
    const down = (levels: number) => `for level in $(seq ${levels}); do mkdir -p ${longName} && cd -P ${longName}; done`
    await one.bash(`echo 1 > file; (${down(20)}; echo deep > deep)`)
    expect(await one.save()).toBe(true)
    await one.bash(`(${down(18)}; rm -r ${longName}; echo other > other)`)
    await one.save()
    await one.lose()
    expect(await one.bash('cat file; find . -type d | wc -l; find . -type f | wc -l')).toMatch(/\n1\n16\n1$/)
  })

  it('go to another host, and the one before writes no more', async () => {
    const { host, records, sessionId } = await surroundings()
    const [one, other] = [host('one'), host('other')]
    await one.bash('echo one > file')
    await one.save()
    expect(await other.bash('cat file; echo other > file', { isMoving: true })).toMatch(/^\[The session's.*\]\none$/)
    await one.bash('echo late > file')
    expect(await one.save()).toBe(false)
    await other.save()
    expect((await records.snapshots.of(sessionId))?.host).toBe('other')
    // It comes back to where it was: what is there is out of date.
    expect(await one.bash('cat file', { isMoving: true })).toMatch(/^\[The session's.*\]\nother$/)
    expect(await one.bash('cat file')).toBe('other')
  })

  it('stay where they are when the host has got another name', async () => {
    const { host, records, sessionId } = await surroundings()
    const one = host('one')
    await one.bash('echo saved > file')
    await one.save()
    await one.bash('echo newer > file')
    await one.containers.shutdown()
    const row = (await records.snapshots.of(sessionId))!
    await records.snapshots.put(sessionId, { ...row, host: 'former' }, row.sequence)
    expect(await host('one').bash('cat file')).toMatch(/newer$/)
  })

  it('of which the newest changes are damaged are those of before, and it is said', async () => {
    const { host, records, sessionId } = await surroundings()
    const one = host('one')
    await one.bash('echo 1 > file')
    await one.save()
    await one.bash('echo 2 > file')
    await one.save()
    const { archive } = (await records.snapshots.of(sessionId))!.parts.at(-1)!
    await writeFile(path.join(root, 'blobs', archive), randomBytes(100))
    await one.lose()
    expect(await one.bash('cat file')).toMatch(/\(newer ones are damaged\)[\s\S]*\n1$/)
    await one.bash('echo 3 > file')
    await one.save()
    await one.lose()
    expect(await one.bash('cat file')).toMatch(/\n3$/)
  })

  it('of which everything is damaged are lost, and the session goes on', async () => {
    const { host, stored } = await surroundings()
    const one = host('one')
    await one.bash('echo 1 > file')
    await one.save()
    const { folder, names } = await stored()
    for (const name of names) await rm(path.join(folder, name))
    await one.lose()
    expect(await one.bash('ls -A | wc -l')).toMatch(
      /The snapshot of its files is damaged, so that they are lost[\s\S]*\n0$/,
    )
  })

  it('that cannot be put back are waited for: nothing runs without them', async () => {
    const { host, blobs } = await surroundings()
    const one = host('one')
    await one.bash('echo 1 > file')
    await one.save()
    await one.lose()
    const { getStream } = blobs
    blobs.getStream = () => Promise.reject(new Error('the storage does not answer'))
    await expect(one.bash('echo ran > file')).rejects.toThrow(
      "no container: the session's files are not here and cannot be put back: the storage does not answer",
    )
    blobs.getStream = getStream
    expect(await one.bash('cat file')).toMatch(/\n1$/)
  })

  it('that cannot be put back while the records are away leave the call to be made again', async () => {
    const { host, records } = await surroundings()
    await host('one').bash('echo 1 > file')
    await host('one').save()
    const other = host('other')
    const { put } = records.snapshots
    const away = new RecordsUnavailable({ cause: undefined })
    records.snapshots.put = () => Promise.reject(away)
    await expect(other.bash('echo ran > file', { isMoving: true })).rejects.toBe(away)
    records.snapshots.put = put
    expect(await other.bash('cat file', { isMoving: true })).toMatch(/\n1$/)
  })

  it('that are too large are not saved, and nothing else is hindered', async () => {
    const { host, stored } = await surroundings()
    const one = host('one', MiB)
    await one.bash('head -c 2000000 /dev/urandom > large')
    await expect(one.save()).rejects.toThrow('1048576 are the most')
    expect((await stored()).names).toEqual([])
    await one.bash('rm large; echo small > small')
    expect(await one.save()).toBe(true)
  })

  it('of a session without any are not saved', async () => {
    const { host, stored } = await surroundings()
    const one = host('one')
    await one.bash('echo nothing')
    expect(await one.save()).toBe(false)
    expect((await stored()).names).toEqual([])
  })

  it('of a session that is being erased are not saved', async () => {
    const { host, records, sessionId, stored } = await surroundings()
    const one = host('one')
    await one.bash('echo 1 > file')
    await records.sessions.update(sessionId, { deletedAt: new Date().toISOString() })
    expect(await one.save()).toBe(false)
    expect((await stored()).names).toEqual([])
  })

  it('are there when nobody knew, and nobody could ask, whether the newest changes were saved', async () => {
    const { host, records } = await surroundings()
    const one = host('one')
    await one.bash('echo 1 > file')
    const { of, put } = records.snapshots
    let isAway = false
    records.snapshots.of = (id) => (isAway ? Promise.reject(new RecordsUnavailable({ cause: undefined })) : of(id))
    records.snapshots.put = (...given) => {
      isAway = true
      return unheard(put)(...given)
    }
    await expect(one.save()).rejects.toMatchObject({ mayBeDone: true })
    isAway = false
    records.snapshots.put = put
    await one.lose()
    expect(await one.bash('cat file')).toMatch(/\n1$/)
  })

  it('that were half put back by a process that died are put back again, and the half is removed', async () => {
    const { host, sessionId } = await surroundings()
    const one = host('one')
    await one.bash('echo 1 > file')
    await one.save()
    await one.containers.shutdown()
    const containers = path.join(root, 'one', 'containers')
    await rename(path.join(containers, sessionId), path.join(containers, `restoring_${sessionId}_0`))
    expect(await one.bash('cat file')).toMatch(/\n1$/)
    expect((await readdir(containers)).filter((name) => name.startsWith('restoring_'))).toHaveLength(1)
    await one.containers.files.collect()
    expect((await readdir(containers)).filter((name) => name.startsWith('restoring_'))).toEqual([])
  })

  it('lead nowhere, although they change under whoever saves them', async () => {
    const { host, blobs, records, sessionId } = await surroundings()
    const one = host('one')
    await writeFile(path.join(root, 'secret'), 'secret of the host')
    await chmod(path.join(root, 'secret'), 0o644)
    await one.bash(`mkdir -p d link; for n in $(seq 200); do echo $n > d/$n; done
      (while :; do mv d real; ln -s ${root} d; cp -r real/. link/ 2>/dev/null; rm d; mv real d; done) > /dev/null 2>&1 &`)
    for (let round = 0; round < 5; round++) await one.save().catch(() => {})
    await one.containers.stop(sessionId)
    for (const { archive } of (await records.snapshots.of(sessionId))!.parts) {
      await writeFile(path.join(root, 'part.tar.zst'), (await blobs.get(archive))!)
      const { stdout } = await promisify(execFile)(process.execPath, [
        '-e',
        `process.stdout.write(require('zlib').zstdDecompressSync(require('fs').readFileSync(${JSON.stringify(path.join(root, 'part.tar.zst'))})))`,
      ])
      expect(stdout).not.toContain('secret of the host')
    }
    await one.lose()
    expect(await one.bash('echo works')).toMatch(/works$/)
  })

  it('are marked until they are saved, so that the next process saves them', async () => {
    const { records, blobs, host, sessionId } = await surroundings()
    const { bash, containers } = host('one')
    await bash('echo 1 > file')
    const mark = path.join(await containers.files.notes(sessionId), 'changed')
    expect(await readFile(mark, 'utf8')).toBe('')
    const pace = { quietMs: 10, longestMs: 1000 }
    const next = new Workspaces({ records, blobs, containers, host: 'one', maxBytes: MiB, ...pace })
    ending.defer(() => next.close())
    await next.resume()
    await until(async () => (await records.snapshots.of(sessionId)) !== undefined)
    await until(() =>
      access(mark).then(
        () => false,
        () => true,
      ),
    )
  })
})

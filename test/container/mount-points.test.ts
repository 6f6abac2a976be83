import { randomUUID } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import type { Mount } from '../../activities/container/provider.ts'

const limits = { memoryBytes: 512 * 1024 * 1024, pids: 128, cpus: 2, tmpBytes: 16 * 1024 * 1024 }

let dataDir: string
let provider: BubblewrapProvider

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  // The containers' users have to walk through it, otherwise the containers lie elsewhere.
  await chmod(dataDir, 0o711)
  await writeFile(path.join(dataDir, 'upload.txt'), 'uploaded')
  provider = new BubblewrapProvider({ dataDir, keeperIdleMs: 500 })
  return async () => {
    await provider.shutdown()
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
  }
})

/** A session of its own; each call comes with the files that it is to have. */
function session() {
  const sessionId = `sesn_${randomUUID().replaceAll('-', '')}`
  return async (command: string, ...targets: string[]): Promise<string> => {
    const mounts = targets.map((target): Mount => ({ target, source: path.join(dataDir, 'upload.txt'), mode: 'ro' }))
    const container = await provider.open({ sessionId, mounts, limits })
    const id = `sevt_${randomUUID().replaceAll('-', '')}`
    const result = await container.call({ id, name: 'bash', input: { command }, timeoutMs: 20_000 })
    return result.content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
  }
}

describe('a file mounted in a folder of the agent', () => {
  it('is never put where the agent points to, outside of the container', async () => {
    const target = path.join(dataDir, 'target')
    await mkdir(target)
    await chmod(target, 0o777)
    const bash = session()
    expect(await bash('cat /workspace/in/data/x.csv', '/workspace/in/data/x.csv')).toContain('uploaded')
    // As it is seen from where bubblewrap makes its places, and from the host.
    for (const root of ['/oldroot', '']) {
      await bash(`rm -rf /workspace/in2; mv /workspace/in /workspace/in2; ln -s ${root}${target} /workspace/in`)
      const said = await bash('echo runs', '/workspace/in/data/x.csv')
      expect(said).toContain('runs')
      expect(said).toContain(
        '/workspace/in/data/x.csv could not be put in its place: /workspace/in is no folder. ' +
          'The file is also at /mnt/session/uploads/workspace/in/data/x.csv.',
      )
      expect(await readdir(target)).toEqual([])
      await bash('rm /workspace/in; mv /workspace/in2 /workspace/in')
    }
  })

  it.each([
    ['a folder', 'mkdir /workspace/it', '/workspace/it', '/workspace/it is something else there'],
    ['a link', 'ln -s /etc/passwd ~/it', '/home/agent/it', '/home/agent/it is something else there'],
    ['a file above it', 'echo mine > /workspace/it', '/workspace/it/b/c', '/workspace/it is no folder'],
  ])(
    'is left out when something is in its way, and comes when that is gone: %s',
    async (_what, make, target, reason) => {
      const bash = session()
      await bash(make)
      const said = await bash('echo runs', target, '/workspace/other')
      expect(said).toContain(reason)
      expect(said).toContain('runs')
      expect(await bash('cat /workspace/other', target, '/workspace/other')).toBe('uploaded')
      await bash('rm -rf /workspace/it ~/it', target, '/workspace/other')
      expect(await bash(`cat ${target}`, target)).toContain('uploaded')
    },
  )

  it('leaves nothing behind when it is taken away', async () => {
    const bash = session()
    await bash('true', '/workspace/a.txt', '/workspace/b/c/d.txt', '/workspace/kept/e.txt', '/mnt/session/outputs/f')
    await bash('echo mine > /workspace/kept/mine', '/workspace/a.txt', '/workspace/kept/e.txt')
    expect(
      await bash('cat /workspace/a.txt; find /workspace /mnt/session/outputs | sort', '/workspace/a.txt'),
    ).toContain('uploaded/mnt/session/outputs\n/workspace\n/workspace/a.txt\n/workspace/kept\n/workspace/kept/mine')
    expect(await bash('echo x > /workspace/a.txt && cat /workspace/a.txt')).toMatch(/x$/)
  })

  it('hides what the agent has there, and gives it back', async () => {
    const bash = session()
    await bash('echo mine > /workspace/a.txt')
    expect(await bash('cat /workspace/a.txt', '/workspace/a.txt')).toMatch(/uploaded$/)
    expect(await bash('cat /workspace/a.txt')).toMatch(/mine$/)
  })
})

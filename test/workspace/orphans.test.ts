import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { containersRoot } from '../../activities/container/keeper/session-folder.ts'
import { Mounts } from '../../activities/mounts.ts'
import { Orphans, type OrphansDependencies } from '../../activities/orphans.ts'
import { newId } from '../../protocol/ids.ts'
import { converse, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
let containers: BubblewrapProvider
let root: string
beforeAll(async () => {
  host = await startTestHost()
  containers = new BubblewrapProvider({ dataDir: host.dataDir })
  root = await containersRoot(host.dataDir)
})
afterAll(async () => {
  await containers?.close()
  await host?.remove()
})

function open(
  records = host.holdfast.runtime.records,
  uploads = path.join(path.dirname(root), 'uploads'),
  others: Partial<OrphansDependencies> = {},
) {
  const { connection, namespace, blobs } = host.holdfast.runtime
  const said: string[] = []
  const memory = { sessions: async () => [], remove: async () => {} }
  const packages = { collect: async () => {} }
  const skills = packages
  const mounts = new Mounts(uploads, { records, blobs })
  const say = (line: string) => void said.push(line)
  const dependencies = { connection, namespace, records, containers, mounts, memory, packages, skills, say, ...others }
  return { said, orphans: new Orphans(dependencies) }
}
async function leftover(): Promise<string> {
  const id = newId('session')
  await mkdir(path.join(root, id, 'workspace'), { recursive: true })
  await writeFile(path.join(root, id, 'workspace', 'file'), 'x')
  return id
}

describe('what is left of sessions that are nowhere any more', () => {
  it('is removed when it was found twice; folders of sessions that there are stay', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#bash echo mine > file\n#say done')
    const left = await leftover()
    const { orphans, said } = open()
    expect(await orphans.collect()).toEqual([])
    expect(await containers.list()).toContain(left)
    expect(await orphans.collect()).toEqual([left])
    expect(await containers.list()).not.toContain(left)
    expect(said).toEqual([`removed what was left of ${left}, a session that is nowhere any more`])
    expect(await containers.list()).toContain(session.id)
  })

  it('is removed although others cannot be, which is said each time', async () => {
    const [first, second, third] = [await leftover(), await leftover(), await leftover()]
    const refuse = async () => {
      throw new Error('rm: no')
    }
    const { orphans, said } = open(undefined, undefined, {
      packages: { collect: refuse },
      containers: {
        files: { collect: refuse },
        list: async () => [first, second, third],
        destroy: (id) => (id === second ? refuse() : containers.destroy(id)),
      },
    })
    await orphans.collect()
    expect(await orphans.collect()).toEqual([first, third])
    expect(await containers.list()).toContain(second)
    expect(said.slice(2)).toEqual([
      'could not remove what was half restored: rm: no',
      'could not remove packages that nobody uses: rm: no',
      `removed what was left of ${first}, a session that is nowhere any more`,
      `could not remove what was left of ${second}, a session that is nowhere any more: rm: no`,
      `removed what was left of ${third}, a session that is nowhere any more`,
    ])
    await containers.destroy(second)
  })

  it('stays while Temporal knows the session, whatever the records say', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#bash echo mine > file\n#say done')
    const forgetful = { ...host.holdfast.runtime.records, sessions: { get: async () => undefined } } as never
    const { orphans } = open(forgetful)
    await orphans.collect()
    expect(await orphans.collect()).toEqual([])
    expect(await containers.list()).toContain(session.id)
  })

  it('stays when everything looks like that: then it is the records that are wrong', async () => {
    const empty = await Promise.all(Array.from({ length: 5 }, leftover))
    const { orphans, said } = open(undefined, path.join(root, 'none'))
    const own = containers.list.bind(containers)
    containers.list = async () => empty
    try {
      await orphans.collect()
      expect(await orphans.collect()).toEqual([])
    } finally {
      containers.list = own
    }
    expect(said[0]).toContain('none of the 5 sessions with folders here is in the records')
    expect(await containers.list()).toEqual(expect.arrayContaining(empty))
  })
})

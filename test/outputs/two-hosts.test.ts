import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { expect, it } from 'vitest'
import { containersRoot, SessionFolder } from '../../activities/container/keeper/session-folder.ts'
import { startHosts } from '../support/hosts.ts'

it('what background processes left is there when a turn ends that another host than the container’s ended', async () => {
  await using hosts = await startHosts()
  const { holdfast } = hosts
  const first = await hosts.start('one')
  const { id } = await holdfast.sessions.create(hosts.session)
  await holdfast.session(id).run('#bash echo one > /mnt/session/outputs/one.txt\n#say begun')
  await first[Symbol.asyncDispose]()

  // The container's host takes nothing but what is for it alone; the other one takes all the rest.
  await hosts.start('one', { shared: false })
  await hosts.start('other')
  const { outputs } = new SessionFolder(await containersRoot(hosts.dataOf('one')), id).layout
  await writeFile(path.join(outputs, 'late.txt'), 'late')
  await holdfast.session(id).run('#say done')
  const { data } = await holdfast.files.list({ scope_id: id })
  expect(data.map(({ filename }) => filename).sort()).toEqual(['late.txt', 'one.txt'])
})

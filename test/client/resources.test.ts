import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { createFilesApi } from '../../client/files.ts'
import { createResourcesApi } from '../../client/resources.ts'
import type { Runtime } from '../../client/runtime.ts'
import { createSessionsApi } from '../../client/sessions.ts'
import { aConfiguration, anAgent, anEnvironment, aSession } from '../store/samples.ts'
import { refusal } from '../support/refusal.ts'
import { unheard } from '../support/unheard.ts'
import { emptyStores } from './stores.ts'

it('a file that was attached, of which nobody heard, is there: the session could run no tool without it', async () => {
  const { records, blobs } = await emptyStores()
  const files = createFilesApi(records, blobs)
  const { id: file_id } = await files.upload({ file: { content: Buffer.from('kept') } })
  const session = aSession()
  await records.sessions.insert(session, aConfiguration)
  const update = unheard(records.sessions.update)
  const runtime = { records: { ...records, sessions: { ...records.sessions, update } }, blobs } as unknown as Runtime
  const resources = createResourcesApi(runtime, async () => session)
  await expect(resources.add(session.id, { type: 'file', file_id })).rejects.toMatchObject({ mayBeDone: true })
  const [attached] = (await records.sessions.get(session.id))!.resources
  const copy = (attached as { file_id: string }).file_id
  expect(await text((await files.download(copy)).content)).toBe('kept')
})

describe('a file that is deleted while a session gets it', () => {
  async function withGoing() {
    const { records, blobs } = await emptyStores()
    const files = createFilesApi(records, blobs)
    const { id: file_id } = await files.upload({ file: { content: Buffer.from('gone') } })
    /** Deletes it as soon as it has been read. */
    const going = <Given, Found>(read: (given: Given) => Promise<Found>) => {
      return async (given: Given) => {
        const found = await read(given)
        if (await records.files.get(file_id)) await files.delete(file_id)
        return found
      }
    }
    const { get, getMany } = records.files
    const broken = { ...records, files: { ...records.files, get: going(get), getMany: going(getMany) } }
    const rows = async () => (await records.files.countByBlob(`files/${file_id}`)) > 0
    return { records, blobs, file_id, rows, runtime: { records: broken, blobs } as unknown as Runtime, broken }
  }

  it('is refused as one that is not there', async () => {
    const { records, file_id, rows, runtime } = await withGoing()
    const session = aSession()
    await records.sessions.insert(session, aConfiguration)
    const resources = createResourcesApi(runtime, async () => session)
    const refused = await refusal(() => resources.add(session.id, { type: 'file', file_id }))
    expect(refused).toMatchObject({ status: 400, code: 'file_not_found' })
    expect((await records.sessions.get(session.id))!.resources).toEqual([])
    expect(await rows()).toBe(false)
  })

  it('is refused for a session that is to be created', async () => {
    const { records, file_id, rows, runtime } = await withGoing()
    const [agent, environment] = [anAgent(), anEnvironment()]
    await records.agents.insert(agent)
    await records.environments.insert(environment)
    const params = { agent: agent.id, environment_id: environment.id, resources: [{ type: 'file' as const, file_id }] }
    const refused = await refusal(() => createSessionsApi(runtime).create(params))
    expect(refused).toMatchObject({ status: 400, code: 'file_not_found' })
    expect((await records.sessions.list({ limit: 1 })).rows).toEqual([])
    expect(await rows()).toBe(false)
  })

  it('is not there for an upload that was to share its content', async () => {
    const { file_id, rows, broken, blobs } = await withGoing()
    const upload = () => createFilesApi(broken, blobs).upload({ file: { content: { fileId: file_id } } })
    expect(await refusal(upload)).toMatchObject({ status: 404 })
    expect(await rows()).toBe(false)
  })
})

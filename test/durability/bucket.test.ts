import { randomBytes } from 'node:crypto'
import { access, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { toFile } from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checks } from '../../cli/doctor-checks.ts'
import { converse, lastText, listed, message, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { madeReadyMs, type S3Server, s3Variables, startS3 } from '../support/s3.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const stack = new AsyncDisposableStack()
let server: S3Server
let host: TestHost
let bucket: string

beforeAll(async () => {
  server = stack.use(await startS3())
  const place = await server.bucket()
  bucket = place.bucket
  host = await startTestHost({
    config: {
      blobs: { s3: { ...place, prefix: 'holdfast/' } },
      session: { rollOverEvents: 50 },
      container: { snapshots: { quietMs: 50 } },
    },
  })
  stack.defer(() => host.remove())
}, madeReadyMs)
afterAll(() => stack.disposeAsync())

/** What a session has in the bucket. */
async function objects(sessionId: string, what = ''): Promise<string[]> {
  const Prefix = `holdfast/sessions/${sessionId}/${what}`
  const { Contents } = await server.client.listObjectsV2({ Bucket: bucket, Prefix })
  return (Contents ?? []).map(({ Key }) => Key!)
}
const upload = (content: Buffer) => toFile(content, 'data.bin').then((file) => host.client.beta.files.upload({ file }))

async function download(fileId: string): Promise<Buffer> {
  return Buffer.from(await (await host.client.beta.files.download(fileId)).arrayBuffer())
}

describe('a Holdfast with its blobs in a bucket', () => {
  it('has everything there: uploads, outputs, large payloads, copies of workspaces, sealed segments', async () => {
    const { beta } = host.client
    const content = randomBytes(10_000_000)
    const file = await upload(content)
    expect((await download(file.id)).equals(content)).toBe(true)

    const { id } = await beta.sessions.create({
      agent: host.agent,
      environment_id: host.environment,
      resources: [{ type: 'file', file_id: file.id, mount_path: '/mnt/session/uploads/data.bin' }],
    })
    const copy = 'wc -c < /mnt/session/uploads/data.bin; cp /mnt/session/uploads/data.bin /mnt/session/outputs/; env'
    expect(lastText(await converse(host.client, id, `#bash ${copy}`))).toMatch(/^\S+ \S+ 10000000\n/)
    await until(async () => (await objects(id, 'snapshots/')).length > 0)
    const { data } = await beta.files.list({ scope_id: id })
    const output = data.find(({ filename }) => filename === 'data.bin' || filename.endsWith('/data.bin'))!
    expect((await download(output.id)).equals(content)).toBe(true)

    const long = randomBytes(200_000).toString('base64')
    await converse(host.client, id, [message(long), message('#say taken')])
    expect(await objects(id, 'payloads/')).not.toEqual([])
    for (let turn = 0; turn < 4; turn++) await converse(host.client, id, `#bash echo ${turn}`)
    expect((await objects(id, 'segments/')).length).toBeGreaterThan(0)

    const events = await listed(host.client, id)
    await beta.sessions.archive(id)
    const archived = await until(async () => {
      const now = await listed(host.client, id)
      return now.some(({ type }) => type === 'session.status_terminated') && now
    })
    expect(archived.slice(0, events.length)).toEqual(events)
    const told = JSON.stringify([archived, host.lines])
    for (const secret of Object.values(s3Variables)) expect(told).not.toContain(secret)

    await beta.sessions.delete(id)
    await until(async () => (await objects(id)).length === 0)
    await expect(access(path.join(host.dataDir, 'blobs'))).rejects.toThrow('ENOENT')
  })

  it('refuses what needs it while it is away, holds what is under way, and loses nothing', async () => {
    const { id } = await newSession(host)
    const before = randomBytes(1000)
    const file = await upload(before)
    await converse(host.client, id, '#bash echo first > /workspace/a')
    server.line.cut()
    const away = {
      status: 503,
      error: { error: { type: 'api_error', details: { error_code: 'storage_unavailable' } } },
    }
    const requests = [upload(randomBytes(1000)), host.client.beta.files.download(file.id)]
    for (const outcome of await Promise.allSettled(requests)) expect(outcome).toMatchObject({ reason: away })
    // What comes next would be sealed: the session waits for that, and takes messages.
    const said = Array.from({ length: 8 }, (_, turn) => `turn ${turn}`)
    for (const text of said) {
      await host.client.beta.sessions.events.send(id, { events: [message(`#bash echo ${text}`)] })
    }
    await until(() => waitsForSeal(id))
    await server.line.mend()
    await until(async () => lastText(await listed(host.client, id)).endsWith(said.at(-1)!))
    const events = await listed(host.client, id)
    expect(typesOf(events).filter((type) => type === 'user.message')).toHaveLength(said.length + 1)
    expect(await objects(id, 'segments/')).not.toEqual([])
    expect((await download(file.id)).equals(before)).toBe(true)
  })
})

describe('a bucket that refuses', () => {
  it('is said at the start, with what to do', async () => {
    const { endpoint } = await server.bucket()
    const start = startTestHost({ config: { blobs: { s3: { bucket: 'nowhere', endpoint } } } })
    await expect(start).rejects.toThrow(/bucket nowhere: .*NoSuchBucket.*make the bucket, or correct blobs\.s3\.bucket/)
  })

  it('is what holdfast doctor finds, and that another works', async () => {
    const { endpoint, bucket } = await server.bucket()
    const found = async (name: string) => {
      const cwd = await temporaryFolder()
      const s3 = { bucket: name, endpoint }
      await writeFile(path.join(cwd, 'temporal.config.mjs'), `export default { blobs: { s3: ${JSON.stringify(s3)} } }`)
      const findings = await checks({ cwd, env: { PATH: process.env.PATH, TEMPORAL_ADDRESS: host.temporal.address } })
      return findings.find(({ name }) => name === 'bucket')
    }
    expect(await found('nowhere')).toMatchObject({ status: 'missing', fix: expect.stringContaining('make the bucket') })
    expect(await found(bucket)).toMatchObject({ status: 'ok', found: expect.stringContaining('written') })
    expect((await server.client.listObjectsV2({ Bucket: bucket })).Contents ?? []).toEqual([])
  })
})

/** Whether the session's run is being sealed, and that has failed. */
async function waitsForSeal(sessionId: string): Promise<boolean> {
  const { connection, namespace } = host.holdfast.runtime
  const { pendingActivities } = await connection.workflowService.describeWorkflowExecution({
    namespace,
    execution: { workflowId: sessionId },
  })
  return (pendingActivities ?? []).some(
    ({ activityType, lastFailure }) => activityType?.name === 'sealRun' && lastFailure,
  )
}

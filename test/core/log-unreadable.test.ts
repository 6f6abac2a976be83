import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectForReading } from '../../client/connection.ts'
import { SessionLogs } from '../../log/session-logs.ts'
import { newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

describe('a log with a payload that cannot be read', () => {
  it('says so instead of keeping its readers waiting', async () => {
    const { namespace, codec, blobs } = host.holdfast.runtime
    const session = await newSession(host)
    await host.holdfast.session(session.id).send('#say done')
    await host.holdfast.session(session.id).untilIdle()
    const broken = { encode: codec.encode.bind(codec), decode: () => Promise.reject(new Error('another key')) }
    const connection = await connectForReading({ address: host.temporal.address })
    const logs = new SessionLogs({ connection, namespace, codec: broken }, blobs)
    await expect(logs.get(session.id).newest()).rejects.toThrow('another key')
    await logs.close()
  })
})

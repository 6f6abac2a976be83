import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listed, message, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { sdkRefusal } from '../support/sdk-refusal.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

const send = (id: string, text: string) => host.client.beta.sessions.events.send(id, { events: [message(text)] })

describe('a session that is sent more than it can hold while a call runs', () => {
  it('refuses messages for a while, keeps what it has taken, and hears interrupts', { timeout: 120_000 }, async () => {
    const session = await newSession(host)
    await send(session.id, '#bash sleep 600')
    await until(async () => (await listed(host.client, session.id)).some(({ type }) => type === 'agent.tool_use'))
    const taken: string[] = []
    let refusal: Awaited<ReturnType<typeof sdkRefusal>> | undefined
    while (!refusal) {
      // Random, so that it is no smaller when it is compressed.
      const sending = send(session.id, randomBytes(80_000).toString('hex'))
      refusal = await sending.then(
        ({ data }) => void taken.push(data![0]!.id),
        () => sdkRefusal(sending),
      )
    }
    expect(refusal).toMatchObject({ status: 429 })
    expect(taken.length).toBeGreaterThan(50)
    expect(await sdkRefusal(send(session.id, 'once more'))).toMatchObject({ status: 429 })
    const other = await newSession(host)
    await send(other.id, '#say others are not held up')

    const ids = (await listed(host.client, session.id)).map(({ id }) => id)
    expect(taken.filter((id) => !ids.includes(id))).toEqual([])
    await host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
    await until(async () => (await listed(host.client, session.id)).some(({ type }) => type === 'agent.tool_result'))
    await until(async () => {
      await host.client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
      return (await host.client.beta.sessions.retrieve(session.id)).status === 'idle'
    })
    // As soon as its run has rolled over.
    await until(() =>
      send(session.id, '#say room again').then(
        () => true,
        () => false,
      ),
    )
  })
})

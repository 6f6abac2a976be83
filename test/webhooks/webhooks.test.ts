import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { converse, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

interface Received {
  path: string
  headers: IncomingHttpHeaders
  body: string
}

const secret = `whsec_${Buffer.from('a secret of thirty-two bytes, ok!').toString('base64')}`
let host: TestHost
let receiver: Server
let received: Received[] = []
/** What the receiver answers. */
let answer: (request: Received) => { status: number; headers?: Record<string, string> } = () => ({ status: 200 })

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const got = { path: request.url!, headers: request.headers, body: await text(request) }
    const { status, headers } = answer(got)
    received.push(got)
    response.writeHead(status, headers).end('thanks')
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  host = await startTestHost({
    config: {
      egress: { allowPrivate: ['127.0.0.1'] },
      session: { rollOverEvents: 50 },
      webhooks: [
        { url: `${url}/all`, secret: 'HOOK_SECRET' },
        { url: `${url}/some`, secret: 'HOOK_SECRET', events: ['session.status_idled'] },
      ],
    },
    env: { HOOK_SECRET: secret },
  })
})
afterAll(async () => {
  await host?.remove()
  receiver?.closeAllConnections()
  receiver?.close()
})
beforeEach(() => {
  received = []
  answer = () => ({ status: 200 })
})

const sdk = new Anthropic({ apiKey: 'none', webhookKey: secret } as never)
const unwrap = ({ body, headers }: Received) =>
  sdk.beta.webhooks.unwrap(body, { headers: headers as Record<string, string>, key: secret })
/** Types that one endpoint was told of a session, each with how often. */
function told(sessionId: string, path = '/all'): Record<string, number> {
  const types: Record<string, number> = {}
  for (const request of received) {
    const { data } = unwrap(request)
    if (request.path === path && data.id === sessionId) types[data.type] = (types[data.type] ?? 0) + 1
  }
  return types
}
const isTold = (sessionId: string, wanted: Record<string, number>) =>
  until(() => Object.entries(wanted).every(([type, count]) => told(sessionId)[type] === count))

describe('a webhook', { timeout: 90_000 }, () => {
  it('is told of a session from its beginning to its end, in deliveries that the official SDK takes', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#say hello')
    await host.client.beta.sessions.update(session.id, { title: 'renamed' })
    await host.client.beta.sessions.archive(session.id)
    const wanted = {
      'session.created': 1,
      'session.status_run_started': 1,
      'session.status_idled': 1,
      'session.updated': 1,
      'session.status_terminated': 1,
      'session.archived': 1,
    }
    await isTold(session.id, wanted)
    await host.client.beta.sessions.delete(session.id)
    await isTold(session.id, { 'session.deleted': 1 })
    expect(told(session.id)).toEqual({ ...wanted, 'session.deleted': 1 })
    expect(told(session.id, '/some')).toEqual({ 'session.status_idled': 1 })
    const event = unwrap(received[0]!)
    expect(event).toMatchObject({ type: 'event', id: received[0]!.headers['webhook-id'], data: { id: session.id } })
    expect(() => unwrap({ ...received[0]!, body: received[0]!.body.replace('event', 'evil') })).toThrow()
  })

  it('is told when a session needs an answer', async () => {
    const tools = [
      { type: 'custom' as const, name: 'weather', description: 'w', input_schema: { type: 'object' as const } },
    ]
    const agent = await host.client.beta.agents.create({ name: 'Asks', model: 'claude-opus-5', tools })
    const session = await host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
    await converse(host.client, session.id, '#tool weather {}\n#say {{last}}')
    await isTold(session.id, { 'session.requires_action': 1, 'session.status_idled': 1 })
  })

  it('that fails is told again, with the same id and a new time; it holds up neither the session nor another', async () => {
    let failures = 0
    answer = ({ path }) => (path === '/all' && failures++ < 3 ? { status: 500 } : { status: 204 })
    const session = await newSession(host)
    await converse(host.client, session.id, '#say hello')
    await until(() => told(session.id, '/some')['session.status_idled'] === 1)
    await until(() => {
      const ids = received.filter(({ path }) => path === '/all').map(({ headers }) => headers['webhook-id'])
      return new Set(ids).size === 3 && ids.length === 6
    })
  })

  it('that leads elsewhere is not followed, and not asked again', async () => {
    answer = ({ path }) => (path === '/all' ? { status: 302, headers: { location: '/elsewhere' } } : { status: 200 })
    const session = await newSession(host)
    await converse(host.client, session.id, '#say hello')
    const { connection, namespace } = host.holdfast.runtime
    const query = `WorkflowType = 'webhook' AND ExecutionStatus = 'Running'`
    await until(() => told(session.id)['session.status_idled'] === 1)
    await until(async () => {
      const open = await connection.workflowService.listWorkflowExecutions({ namespace, query })
      return open.executions?.length === 0
    })
    expect(received.filter(({ path }) => path === '/elsewhere')).toEqual([])
    expect(Object.values(told(session.id))).toEqual([1, 1, 1])
  })

  it('hears of every turn of a session that rolls over and whose worker is killed, each once', async () => {
    const session = await newSession(host)
    for (let turn = 0; turn < 8; turn++) {
      await converse(host.client, session.id, `#bash echo ${turn}\n#say done`)
      if (turn === 3) process.kill(host.workerPids[0]!, 'SIGKILL')
    }
    expect((await host.holdfast.runtime.logs.get(session.id).newest()).run).toBeGreaterThan(2)
    await until(() => (told(session.id)['session.status_idled'] ?? 0) >= 8)
    const ids = received.filter(({ path }) => path === '/all').map(({ headers }) => headers['webhook-id'])
    // A worker that dies behind a delivery delivers again: it is known by its id.
    const idled = new Set(
      received
        .filter((request) => request.path === '/all' && unwrap(request).data.type === 'session.status_idled')
        .map(({ headers }) => headers['webhook-id']),
    )
    expect(idled.size).toBe(8)
    expect(ids.length - new Set(ids).size).toBeLessThanOrEqual(1)
  })

  it('keeps its secret: it is in no history', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#say hello')
    await isTold(session.id, { 'session.status_idled': 1 })
    const { connection, namespace } = host.holdfast.runtime
    const { executions } = await connection.workflowService.listWorkflowExecutions({ namespace, pageSize: 1000 })
    for (const { execution } of executions ?? []) {
      const { history } = await connection.workflowService.getWorkflowExecutionHistory({ namespace, execution })
      expect(JSON.stringify(history)).not.toContain(Buffer.from(secret).toString('base64').slice(0, 30))
    }
  })
})

describe('a session', () => {
  it('pays three history events for each handing over, and nothing without webhooks', async () => {
    const { connection, namespace } = host.holdfast.runtime
    const session = await newSession(host)
    await converse(host.client, session.id, '#say hello')
    await isTold(session.id, { 'session.status_idled': 1 })
    const { history } = await connection.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId: session.id },
    })
    const handed = (history?.events ?? []).filter(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === 'startWebhooks',
    )
    // Created, running, idle: one handing over may take several.
    expect(handed.length).toBeLessThanOrEqual(3)
  })
})

import { promisify } from 'node:util'
import { status as Grpc, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'
import { describe, expect, it, onTestFinished } from 'vitest'
import { connect, connectForReading } from '../../client/connection.ts'
import { until } from '../support/until.ts'

// So far apart that what a call is given says which of them it is.
const patience = { answerMs: 2000, silentMs: 60_000, pollMs: 600_000 }
const hour = 3_600_000

/** A Temporal that answers when it is `alive`, or with a status, and notes for how long each call would wait, milliseconds. */
async function start(open: typeof connect = connect) {
  const server = new Server()
  const temporal = { alive: true, status: undefined as Grpc | undefined, waits: [] as number[] }
  const bytes = (value: Buffer) => value
  const method = (name: string) => ({
    path: `/temporal.api.workflowservice.v1.WorkflowService/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  })
  const answer = (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
    temporal.waits.push(Number(call.getDeadline()) - Date.now())
    if (temporal.status !== undefined) reply({ code: temporal.status, details: 'no' })
    else if (temporal.alive) reply(null, Buffer.alloc(0))
  }
  server.addService(
    {
      getSystemInfo: method('GetSystemInfo'),
      describe: method('DescribeWorkflowExecution'),
      signal: method('SignalWorkflowExecution'),
      history: method('GetWorkflowExecutionHistory'),
    },
    { getSystemInfo: answer, describe: answer, signal: answer, history: answer },
  )
  const port = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure())
  onTestFinished(() => server.forceShutdown())
  const connection = await open({ address: `127.0.0.1:${port}` }, patience)
  onTestFinished(() => connection.close())
  temporal.waits.length = 0
  const { workflowService } = connection
  return {
    temporal,
    connection,
    describe: () => workflowService.describeWorkflowExecution({}),
    signal: () => workflowService.signalWorkflowExecution({}),
    history: () => workflowService.getWorkflowExecutionHistory({}),
  }
}

describe.each([
  ['a connection', connect],
  ['a connection for reading', connectForReading],
])('%s to a Temporal that stands still', (_what, open) => {
  it('gives a call up, once', async () => {
    const { temporal, describe } = await start(open)
    temporal.alive = false
    await expect(describe()).rejects.toMatchObject({ code: Grpc.DEADLINE_EXCEEDED })
    expect(temporal.waits).toHaveLength(1)
    expect(temporal.waits[0]).toBeLessThanOrEqual(patience.answerMs)
  })

  it('takes a server for alive that itself says that something took too long', async () => {
    const { temporal, describe } = await start(open)
    temporal.status = Grpc.DEADLINE_EXCEEDED
    await expect(describe()).rejects.toMatchObject({ code: Grpc.DEADLINE_EXCEEDED })
    await expect(describe()).rejects.toMatchObject({ code: Grpc.DEADLINE_EXCEEDED })
    expect(temporal.waits[1]).toBeLessThanOrEqual(patience.answerMs)
  })

  it('waits longer for what is held back, and as long as a caller says', async () => {
    const { temporal, connection, describe, history } = await start(open)
    await history()
    await connection.withDeadline(Date.now() + hour, describe)
    expect(temporal.waits[0]).toBeGreaterThan(patience.silentMs)
    expect(temporal.waits[0]).toBeLessThanOrEqual(patience.pollMs)
    expect(temporal.waits[1]).toBeGreaterThan(patience.pollMs)
  })
})

describe('a call that is tried again', () => {
  it('has as much time as the first each time', async () => {
    const { temporal, signal } = await start()
    temporal.status = Grpc.UNAVAILABLE
    const answered = signal()
    await until(() => temporal.waits.length > 2)
    temporal.status = undefined
    await answered
    const longest = Math.max(...temporal.waits.slice(1))
    expect(longest).toBeGreaterThan(patience.answerMs / 2)
    expect(longest).toBeLessThanOrEqual(patience.answerMs)
  })
})

describe('a connection for reading', () => {
  it('waits less for the next answers, until there is one', async () => {
    const { temporal, describe } = await start(connectForReading)
    temporal.alive = false
    await expect(describe()).rejects.toMatchObject({ code: Grpc.DEADLINE_EXCEEDED })
    temporal.alive = true
    await describe()
    await describe()
    const [, afterSilence, afterAnswer] = temporal.waits
    expect(afterSilence).toBeGreaterThan(patience.answerMs)
    expect(afterSilence).toBeLessThanOrEqual(patience.silentMs)
    expect(afterAnswer).toBeLessThanOrEqual(patience.answerMs)
  })
})

import { expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { ask, connect, serve } from './serving.ts'

const path = '/v1/sessions/sesn_1/events/stream'

/** A library whose streams never open; they end in an error when they are no longer wanted, as the contract has it. */
async function start() {
  const signals: AbortSignal[] = []
  const server = await serve({
    sessions: {
      events: {
        stream: (_id, params) =>
          new Promise((_resolve, reject) => {
            const { signal } = params!
            signals.push(signal!)
            signal!.addEventListener('abort', () => reject(signal!.reason))
          }),
      },
    },
  })
  return { ...server, signals }
}

it('a stream that is still opening is given up when its client goes, which is nobody’s fault', async () => {
  const { url, log, signals } = await start()
  const { socket } = await connect(url, `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
  await until(() => signals.length === 1)
  socket.destroy()
  await until(() => signals[0]!.aborted)
  expect((await ask(`${url}/health`)).status).toBe(200)
  expect(log).toEqual([])
})

it('a stream that is still opening is told to come back when the server closes', async () => {
  const { url, close, signals } = await start()
  const asked = ask(url + path)
  await until(() => signals.length === 1)
  await Promise.all([
    close(),
    expect(asked).resolves.toMatchObject({ status: 503, body: { error: { type: 'api_error' } } }),
  ])
})

import { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { until } from '../support/until.ts'
import { ask, connect, serve } from './serving.ts'
import { filesApi, StoredFiles } from './stored-files.ts'

// More than the system takes for a reader who takes nothing.
const size = 40_000_000
const file = '/v1/files/file_1/content'
/** A server of a large file and a large page, and what became of each file that was asked for. */
async function start(stalledReaderMs: number, underWay = 1) {
  const stored = new StoredFiles()
  await stored.upload({ file: { filename: 'a', content: Readable.from([Buffer.alloc(1)]) } })
  let begun = 0
  const list = async () => {
    begun++
    return { data: ['x'.repeat(size)], next_page: null } as never
  }
  const contents: Readable[] = []
  const download = async () => {
    const content = Readable.from(Array.from({ length: size / 100_000 }, () => Buffer.alloc(100_000)))
    contents.push(content)
    begun++
    return { metadata: { ...stored.files.get('file_1')!.metadata, size_bytes: size }, content }
  }
  const limits = { stalledReaderMs }
  const server = await serve(
    { agents: { list }, files: filesApi(stored, { download }) },
    { limits, rates: { underWay } },
  )
  return { ...server, contents, begun: () => begun > 0 }
}

/** A connection on which something is asked for, and nothing read. */
async function askOnly(url: string, path: string) {
  const { socket } = await connect(url)
  socket.removeAllListeners('data').pause()
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
  return { socket }
}

describe('a reader who takes nothing', () => {
  it.each([
    ['of a file', file],
    ['of a page', '/v1/agents'],
  ])('does not keep others out for ever: %s', async (_what, path) => {
    const { url, contents, begun } = await start(200)
    await askOnly(url, path)
    await until(begun)
    // It has the only place.
    await until(async () => (await ask(`${url}/v1/agents/agent_1`)).status !== 429)
    expect(contents.every(({ destroyed }) => destroyed)).toBe(true)
  })

  it('gains nothing by sending more', async () => {
    const { url, begun } = await start(200)
    const { socket } = await askOnly(url, file)
    const sending = setInterval(() => socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n'), 20)
    await until(begun)
    await until(async () => (await ask(`${url}/v1/agents/agent_1`)).status !== 429)
    clearInterval(sending)
  })
})

describe('a reader who is slow', () => {
  it.each([
    ['of a file', file],
    ['of a page', '/v1/agents'],
  ])('gets everything, in however long a time: %s', async (_what, path) => {
    const stalledReaderMs = 2000
    const { url } = await start(stalledReaderMs)
    const { socket } = await askOnly(url, path)
    const begun = performance.now()
    let taken = 0
    let wanted = 0
    socket.on('data', (piece) => {
      taken += piece.length
      if (taken >= wanted) socket.pause()
    })
    while (taken < size && !socket.destroyed) {
      wanted = taken + size / 40
      socket.resume()
      await until(() => taken >= wanted || taken >= size || socket.destroyed)
      // Together longer than somebody may take nothing.
      await wait(100)
    }
    expect(taken).toBeGreaterThanOrEqual(size)
    expect(performance.now() - begun).toBeGreaterThan(stalledReaderMs)
  })

  it('is not closed for having nothing to take', async () => {
    const held = Promise.withResolvers<void>()
    const retrieve = async (id: string) => {
      await held.promise
      return { id } as never
    }
    const { url } = await serve({ agents: { retrieve } }, { limits: { stalledReaderMs: 40 } })
    const answer = ask(`${url}/v1/agents/agent_1`)
    await wait(400)
    held.resolve()
    expect((await answer).body).toEqual({ id: 'agent_1' })
  })
})

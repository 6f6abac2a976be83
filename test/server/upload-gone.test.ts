import { expect, it } from 'vitest'
import { ask, connect, serve } from './serving.ts'

it('an upload whose client goes is no fault of the server, and not in its log', async () => {
  const broken = Promise.withResolvers<unknown>()
  const begun = Promise.withResolvers<void>()
  const { url, log } = await serve({
    files: {
      async upload({ file }) {
        try {
          for await (const _chunk of file.content as AsyncIterable<Buffer>) begun.resolve()
        } catch (error) {
          broken.resolve(error)
          throw error
        }
        throw new Error('the content ended as if it were whole')
      },
    },
  })
  const part = '--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nabc'.padEnd(5000, 'x')
  const head =
    'POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 9999\r\n\r\n'
  const { socket } = await connect(url, head + part)
  await begun.promise
  socket.destroy()
  expect(await broken.promise).toBeInstanceOf(Error)
  expect((await ask(`${url}/health`)).status).toBe(200)
  expect(log).toEqual([])
})

import { describe, expect, it } from 'vitest'
import { pageContent } from '../../activities/web/page-content.ts'

/** A page, read with an hour's patience until `stop` is aborted. */
function read(stop: AbortController) {
  const url = new URL('http://a.example/')
  const page = { url, mediaType: 'text/html', body: Buffer.from('<p>text</p>'), isCut: false }
  return pageContent(page, { now: new Date(0), patienceMs: 3_600_000, signal: stop.signal })
}

describe('the Markdown of a page', () => {
  it('is made without anybody who wants it to end', async () => {
    expect((await read(new AbortController())).content).toMatchObject([{ text: expect.stringContaining('text') }])
  })

  it('is given up when the call is interrupted, before and while it is made', async () => {
    const stop = new AbortController()
    const reading = read(stop)
    stop.abort()
    await expect(reading).rejects.toThrow('cannot be read')
    await expect(read(stop)).rejects.toThrow(/abort/)
  })
})

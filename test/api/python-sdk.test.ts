import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestHost, type TestHost } from '../support/host.ts'
import { runPython } from '../support/python.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

describe('the official Python SDK', () => {
  it('goes through the flow of the chapter unchanged', { timeout: 180_000 }, async () => {
    const seen = await runPython('chapter.py', host.url)
    expect(seen).toMatchObject({
      status: 'idle',
      pinned: 1,
      threads: [['idle', 5]],
      versions: [1],
      archived: 'terminated',
      after_archive: 409,
      after_delete: 404,
    })
    expect(seen.first).toContain('2 rows')
    expect(seen.second).toContain('From before')
    expect(seen.usage).toMatchObject({ input_tokens: expect.any(Number), cache_read_input_tokens: expect.any(Number) })
    expect(seen.listed).toMatchObject({ [seen.session as string]: 'idle' })
    expect(seen.stream).toContain('session.usage')
    // Pages of five, walked to the end.
    expect((seen.events as string[]).length).toBeGreaterThan(20)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concealInHeaders, concealing, echoesOf, isReadable } from '../../activities/egress/conceal.ts'

const injection = { placeholder: 'secret_0123', secret: 'top/"secret"', hosts: ['*'], header: true, body: true }
const echoes = echoesOf([injection])

async function concealed(chunks: string[], of = echoes): Promise<string> {
  const stream = concealing(of)
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

describe('a secret that a server repeats', () => {
  it('is the placeholder again, also as JSON or an address writes it', async () => {
    const text = `a ${injection.secret} b ${JSON.stringify(injection)} c ${encodeURIComponent(injection.secret)}`
    const clean = await concealed([text])
    expect(clean).toBe(`a secret_0123 b ${JSON.stringify({ ...injection, secret: 'secret_0123' })} c secret_0123`)
    expect(
      concealInHeaders({ location: `/x?k=${injection.secret}`, 'set-cookie': ['a', injection.secret] }, echoes),
    ).toEqual({ location: '/x?k=secret_0123', 'set-cookie': ['a', 'secret_0123'] })
  })

  it('is found wherever the text is divided, and the rest is as it was', async () => {
    const piece = fc.constantFrom('top/"secret"', 'top/', '"secret"', 'top/\\"secret\\"', 'x', 'é', 'secret_0123', 't')
    await fc.assert(
      fc.asyncProperty(fc.array(piece), fc.array(fc.nat(40)), async (pieces, cuts) => {
        const text = pieces.join('')
        const bytes = Buffer.from(text)
        const stream = concealing(echoes)
        let at = 0
        for (const cut of cuts) {
          stream.write(bytes.subarray(at, at + cut))
          at += cut
        }
        stream.end(bytes.subarray(at))
        const parts: Buffer[] = []
        for await (const part of stream) parts.push(part)
        const whole = text.replaceAll('top/"secret"', 'secret_0123').replaceAll('top/\\"secret\\"', 'secret_0123')
        expect(Buffer.concat(parts).toString()).toBe(whole)
      }),
    )
  })

  it('holds nothing up that is none', async () => {
    const stream = concealing(echoes)
    stream.write('data: one\n\n')
    expect(stream.read()?.toString()).toBe('data: one\n\n')
    stream.write('data: to')
    expect(stream.read()?.toString()).toBe('data: ')
  })

  it('is left alone when it is so short that it stands in texts by chance', async () => {
    expect(await concealed(['a short one'], echoesOf([{ ...injection, secret: 'short' }]))).toBe('a short one')
  })
})

it.each<[Record<string, string>, boolean]>([
  [{ 'content-type': 'text/html; charset=utf-8' }, true],
  [{ 'content-type': 'application/json' }, true],
  [{ 'content-type': 'application/problem+json' }, true],
  [{ 'content-type': 'application/x-www-form-urlencoded' }, true],
  [{}, true],
  [{ 'content-type': 'application/json', 'content-encoding': 'gzip' }, false],
  [{ 'content-type': 'application/octet-stream' }, false],
  [{ 'content-type': 'image/png' }, false],
])('an answer with %j can be read: %s', (headers, is) => {
  expect(isReadable(headers)).toBe(is)
})

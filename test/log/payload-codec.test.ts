import { randomBytes } from 'node:crypto'
import { defaultPayloadConverter, type Payload } from '@temporalio/common'
import { describe, expect, it } from 'vitest'
import { HoldfastCodec } from '../../log/payload-codec.ts'
import { memoryBlobs } from './memory-blobs.ts'

const key = Buffer.alloc(32, 7)
const otherKey = Buffer.alloc(32, 8)
const owner = { type: 'workflow', workflowId: 'sesn_1' }
const payloadOf = (value: unknown): Payload => defaultPayloadConverter.toPayload(value)!
const sizeOf = (payload: Payload) => payload.data!.length
const encoding = (payload: Payload) => Buffer.from(payload.metadata!.encoding!).toString()
const steps = (payload: Payload) => Buffer.from(payload.metadata!.steps!).toString()

async function encodeOne(codec: HoldfastCodec, value: unknown): Promise<Payload> {
  const [encoded] = await codec.encode([payloadOf(value)], owner)
  return encoded!
}
async function decodeOne(codec: HoldfastCodec, payload: Payload): Promise<unknown> {
  const [decoded] = await codec.decode([payload])
  return defaultPayloadConverter.fromPayload(decoded!)
}

describe('a payload', () => {
  it('that is small stays as it is', async () => {
    const payload = payloadOf({ text: 'short' })
    const codec = new HoldfastCodec({ blobs: memoryBlobs() })
    expect(await codec.encode([payload], owner)).toEqual([payload])
    expect(await codec.decode([payload])).toEqual([payload])
  })

  it('that is longer is compressed and comes back with its metadata', async () => {
    const blobs = memoryBlobs()
    const codec = new HoldfastCodec({ blobs })
    const value = { text: 'again and '.repeat(1000) }
    const payload = payloadOf(value)
    const encoded = await encodeOne(codec, value)
    expect(encoding(encoded)).toBe('binary/holdfast')
    expect(sizeOf(encoded)).toBeLessThan(sizeOf(payload) / 10)
    expect(blobs.content.size).toBe(0)
    expect(await decodeOne(codec, encoded)).toEqual(value)
    const [decoded] = await codec.decode([encoded])
    expect(Object.keys(decoded!.metadata!)).toEqual(Object.keys(payload.metadata!))
    expect(encoding(decoded!)).toBe(encoding(payload))
  })

  it('that is large even when compressed lies in the blobs below its session, once', async () => {
    const blobs = memoryBlobs()
    const codec = new HoldfastCodec({ blobs })
    const value = randomBytes(200_000).toString('base64')
    const encoded = await encodeOne(codec, value)
    expect(sizeOf(encoded)).toBeLessThan(200)
    expect([...blobs.content.keys()]).toEqual([expect.stringMatching(/^sessions\/sesn_1\/payloads\/[0-9a-f]{64}$/)])
    expect(await encodeOne(codec, value)).toEqual(encoded)
    expect(blobs.content.size).toBe(1)
    expect(await decodeOne(codec, encoded)).toBe(value)
  })

  it('goes to the blobs above 128 KiB and not below', async () => {
    const blobs = memoryBlobs()
    const codec = new HoldfastCodec({ blobs })
    // Random bytes do not get shorter; a few hundred are the frame's.
    const below = new Uint8Array(randomBytes(128 * 1024 - 500))
    const above = new Uint8Array(randomBytes(128 * 1024 + 1))
    expect(steps(await encodeOne(codec, below))).toBe('zstd')
    expect(blobs.content.size).toBe(0)
    expect(steps(await encodeOne(codec, above))).toBe('zstd,blob')
    expect(blobs.content.size).toBe(1)
  })

  it('that is missing from the blobs says so and what to look at', async () => {
    const codec = new HoldfastCodec({ blobs: memoryBlobs() })
    const encoded = await encodeOne(codec, randomBytes(200_000).toString('base64'))
    await expect(new HoldfastCodec({ blobs: memoryBlobs() }).decode([encoded])).rejects.toThrow(
      /^payload sessions\/sesn_1\/payloads\/\w+ is not in the blobs: are they those/,
    )
  })

  it('that a newer version made says so', async () => {
    const codec = new HoldfastCodec({ blobs: memoryBlobs() })
    const metadata = { encoding: Buffer.from('binary/holdfast'), steps: Buffer.from('zstd,quantum') }
    await expect(codec.decode([{ metadata, data: Buffer.from('x') }])).rejects.toThrow(
      'payload step quantum was made by a newer version',
    )
  })

  it('comes back in the order of the others', async () => {
    const codec = new HoldfastCodec({ blobs: memoryBlobs() })
    const values = ['small', 'x'.repeat(5000), randomBytes(200_000).toString('base64'), null]
    const encoded = await codec.encode(values.map(payloadOf), owner)
    const decoded = await codec.decode(encoded)
    expect(decoded.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual(values)
  })
})

describe('a payload with a key', () => {
  const secret = 'the launch code is 0000'

  it.each([
    ['a small', secret],
    ['a compressed', secret.repeat(100)],
    ['a large', secret + randomBytes(200_000).toString('base64')],
  ])('shows nothing of %s text, in the history or in the blobs', async (_, value) => {
    const blobs = memoryBlobs()
    const codec = new HoldfastCodec({ blobs, key })
    const encoded = await encodeOne(codec, value)
    const stored = Buffer.concat([encoded.data!, ...blobs.content.values()])
    expect(stored.includes('launch')).toBe(false)
    // Neither is it merely compressed: that would open without a key.
    await expect(new HoldfastCodec({ blobs }).decode([encoded])).rejects.toThrow()
    expect(await decodeOne(codec, encoded)).toBe(value)
  })

  it('never has the same bytes twice', async () => {
    const codec = new HoldfastCodec({ blobs: memoryBlobs(), key })
    const [one, two] = [await encodeOne(codec, secret), await encodeOne(codec, secret)]
    expect(Buffer.from(one.data!).equals(two.data!)).toBe(false)
  })

  it('names the setting when the key is missing', async () => {
    const encoded = await encodeOne(new HoldfastCodec({ blobs: memoryBlobs(), key }), secret)
    await expect(new HoldfastCodec({ blobs: memoryBlobs() }).decode([encoded])).rejects.toThrow(
      /encrypted.*HOLDFAST_SECRET_KEY/,
    )
  })

  it('names the setting when the key is another', async () => {
    const encoded = await encodeOne(new HoldfastCodec({ blobs: memoryBlobs(), key }), secret)
    await expect(new HoldfastCodec({ blobs: memoryBlobs(), key: otherKey }).decode([encoded])).rejects.toThrow(
      /HOLDFAST_SECRET_KEY/,
    )
  })

  it('is refused when somebody changed it, wherever', async () => {
    const codec = new HoldfastCodec({ blobs: memoryBlobs(), key })
    const encoded = await encodeOne(codec, secret)
    for (let at = 0; at < sizeOf(encoded); at++) {
      const data = Uint8Array.from(encoded.data!)
      data[at]! ^= 1
      await expect(codec.decode([{ ...encoded, data }]), `byte ${at}`).rejects.toThrow()
    }
    for (const length of [0, 11, 20, sizeOf(encoded) - 1]) {
      const data = encoded.data!.subarray(0, length)
      await expect(codec.decode([{ ...encoded, data }]), `${length} bytes`).rejects.toThrow()
    }
  })
})

describe('a history whose settings changed on the way', () => {
  it('stays readable: plain, compressed, encrypted and kept in the blobs side by side', async () => {
    const blobs = memoryBlobs()
    const values = ['small', 'compressed '.repeat(500), randomBytes(200_000).toString('base64')]
    const before = await new HoldfastCodec({ blobs }).encode(values.map(payloadOf), owner)
    const after = await new HoldfastCodec({ blobs, key }).encode(values.map(payloadOf), owner)
    const decoded = await new HoldfastCodec({ blobs, key }).decode([...before, ...after])
    expect(decoded.map((payload) => defaultPayloadConverter.fromPayload(payload))).toEqual([...values, ...values])
  })
})

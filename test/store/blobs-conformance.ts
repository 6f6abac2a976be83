import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { type Blobs, BlobTooLarge } from '../../store/blobs.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (data: Uint8Array | undefined): string | undefined => data && new TextDecoder().decode(data)
const all = (keys: AsyncIterable<string>): Promise<string[]> => Readable.from(keys).toArray()

/**
 * What every implementation of Blobs does.
 * @param open gives empty blobs
 */
export function blobsConformance(implementation: string, open: () => Promise<Blobs>): void {
  describe(`blobs in ${implementation}`, () => {
    it('give back what was put, the newest when put again', async () => {
      const blobs = await open()
      const data = new Uint8Array(randomBytes(100_000))
      await blobs.put('a/b/c.bin', data)
      expect(Buffer.from((await blobs.get('a/b/c.bin'))!).equals(data)).toBe(true)
      await blobs.put('a/b/c.bin', bytes('new'))
      expect(text(await blobs.get('a/b/c.bin'))).toBe('new')
      expect(text(await buffer((await blobs.getStream('a/b/c.bin'))!))).toBe('new')
    })

    it('keep empty content apart from none', async () => {
      const blobs = await open()
      await blobs.put('empty', bytes(''))
      expect(text(await blobs.get('empty'))).toBe('')
      expect(await blobs.get('none')).toBeUndefined()
      expect(await blobs.get('empty/below')).toBeUndefined()
      expect(await blobs.getStream('none')).toBeUndefined()
    })

    it('have nothing under the beginning of a key', async () => {
      const blobs = await open()
      await blobs.put('a/b', bytes('x'))
      expect(await blobs.get('a')).toBeUndefined()
      expect(await blobs.getStream('a')).toBeUndefined()
    })

    it('say how long a stream was, and hash it when that is wanted', async () => {
      const blobs = await open()
      const parts = [randomBytes(70_000), randomBytes(1), randomBytes(70_000)]
      const whole = Buffer.concat(parts)
      const hash = createHash('sha256')
      expect(await blobs.putStream('s', Readable.from(parts), { hash })).toEqual({ size: 140_001 })
      expect(hash.digest('hex')).toBe(createHash('sha256').update(whole).digest('hex'))
      expect(whole.equals((await blobs.get('s'))!)).toBe(true)
    })

    it('count bytes, not characters, of a stream of text', async () => {
      const blobs = await open()
      expect(await blobs.putStream('s', Readable.from(['grüße']))).toMatchObject({ size: 7 })
      expect(text(await blobs.get('s'))).toBe('grüße')
    })

    it('leave nothing of a stream that is too long, and what was there before', async () => {
      const blobs = await open()
      await blobs.put('s', bytes('before'))
      const stream = Readable.from([Buffer.alloc(10), Buffer.alloc(1)])
      await expect(blobs.putStream('s', stream, { maxBytes: 10 })).rejects.toBeInstanceOf(BlobTooLarge)
      expect(stream.destroyed).toBe(true)
      expect(text(await blobs.get('s'))).toBe('before')
      expect(await all(blobs.list(''))).toEqual(['s'])
      expect(await blobs.putStream('s', Readable.from([Buffer.alloc(10)]), { maxBytes: 10 })).toMatchObject({
        size: 10,
      })
    })

    it('leave nothing of a stream that fails before it is read', async () => {
      const blobs = await open()
      const stream = new Readable({ read() {} })
      const put = blobs.putStream('s', stream)
      stream.destroy(new Error('the line went dead'))
      await expect(put).rejects.toThrow('the line went dead')
      expect(await all(blobs.list(''))).toEqual([])
    })

    it('leave nothing of a stream that ends before its time', async () => {
      const blobs = await open()
      const stream = new Readable({ read() {} })
      stream.push(Buffer.alloc(1000))
      const put = blobs.putStream('s', stream)
      stream.destroy()
      await expect(put).rejects.toThrow()
      expect(await all(blobs.list(''))).toEqual([])
    })

    it('leave nothing of a stream that fails half way', async () => {
      const blobs = await open()
      let taken = 0
      const stream = new Readable({
        read() {
          if (taken++ < 3) this.push(Buffer.alloc(100_000))
          else this.destroy(new Error('the line went dead'))
        },
      })
      const put = blobs.putStream('s', stream)
      await expect(put).rejects.toThrow('the line went dead')
      expect(await blobs.get('s')).toBeUndefined()
      expect(await all(blobs.list(''))).toEqual([])
    })

    it('take a stream that is longer than what is held of it, and give it back as it was', async () => {
      const blobs = await open()
      const chunks = Array.from({ length: 400 }, () => randomBytes(65_521))
      const whole = createHash('sha256').update(Buffer.concat(chunks)).digest('hex')
      const hash = createHash('sha256')
      const put = blobs.putStream('long', Readable.from(chunks), { hash, ownsBuffers: true })
      expect(await put).toEqual({ size: 400 * 65_521 })
      expect(hash.digest('hex')).toBe(whole)
      const read = createHash('sha256')
      for await (const chunk of (await blobs.getStream('long'))!) read.update(chunk)
      expect(read.digest('hex')).toBe(whole)
    })

    it('leave nothing of a long stream that fails, and what was there before', async () => {
      const blobs = await open()
      await blobs.put('long', bytes('before'))
      const stream = Readable.from(
        (function* () {
          for (let count = 0; count < 300; count++) yield Buffer.alloc(65_536)
          throw new Error('the line went dead')
        })(),
      )
      await expect(blobs.putStream('long', stream)).rejects.toThrow('the line went dead')
      expect(text(await blobs.get('long'))).toBe('before')
      expect(await all(blobs.list(''))).toEqual(['long'])
    })

    it('let go of content that is not read to its end', async () => {
      const blobs = await open()
      await blobs.put('s', Buffer.alloc(2_000_000))
      const stream = (await blobs.getStream('s'))!
      await once(stream, 'readable')
      stream.destroy()
      await once(stream, 'close')
      expect(stream.errored).toBeNull()
    })

    it('are whole whoever wrote last, when several write the same key at once', async () => {
      const blobs = await open()
      const versions = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(50_000))
      await Promise.all(versions.map((version) => blobs.put('k', bytes(version))))
      expect(versions).toContain(text(await blobs.get('k')))
    })

    it('are deleted one by one or by the beginning of their keys, and deleting again is no error', async () => {
      const blobs = await open()
      for (const key of ['s/1/a', 's/1/b/c', 's/10/a', 't']) await blobs.put(key, bytes(key))
      await blobs.deleteAll('s/1/')
      expect(await all(blobs.list(''))).toEqual(['s/10/a', 't'])
      await blobs.deleteAll('s/1')
      expect(await all(blobs.list(''))).toEqual(['t'])
      await blobs.delete('t')
      await blobs.delete('t')
      await blobs.deleteAll('nothing/')
      expect(await all(blobs.list(''))).toEqual([])
    })

    it('are listed in order by the beginning of their keys', async () => {
      const blobs = await open()
      for (const key of ['b/2', 'b/10', 'a/x', 'b/1/z', 'bb']) await blobs.put(key, bytes(''))
      expect(await all(blobs.list('b/'))).toEqual(['b/1/z', 'b/10', 'b/2'])
      expect(await all(blobs.list('b/1'))).toEqual(['b/1/z', 'b/10'])
      expect(await all(blobs.list('b'))).toEqual(['b/1/z', 'b/10', 'b/2', 'bb'])
      expect(await all(blobs.list('c/'))).toEqual([])
    })

    it.each(['', '/etc/passwd', '../x', 'a/../../x', 'a//b', './a', 'a/', 'a b', 'a\0b', 'ä', 'a\\b'])(
      'refuse the key %j',
      async (key) => {
        const blobs = await open()
        await expect(blobs.put(key, bytes('x'))).rejects.toThrow('no key of a blob')
        await expect(blobs.get(key)).rejects.toThrow('no key of a blob')
        await expect(blobs.delete(key)).rejects.toThrow('no key of a blob')
      },
    )
  })
}

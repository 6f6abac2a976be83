import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Blobs } from '../../store/blobs.ts'

/** Blobs in memory, open to the test: it can look at them and damage them. */
export function memoryBlobs(): Blobs & { content: Map<string, Uint8Array> } {
  const content = new Map<string, Uint8Array>()
  return {
    content,
    async put(key, data) {
      content.set(key, Uint8Array.from(data))
    },
    async putStream(key, stream, { hash } = {}) {
      const data = await buffer(stream)
      content.set(key, data)
      hash?.update(data)
      return { size: data.length }
    },
    async get(key) {
      return content.get(key)
    },
    async getStream(key) {
      const data = content.get(key)
      return data && Readable.from([data])
    },
    async delete(key) {
      content.delete(key)
    },
    async deleteAll(prefix) {
      for (const key of content.keys()) if (key.startsWith(prefix)) content.delete(key)
    },
    async *list(prefix) {
      yield* [...content.keys()].filter((key) => key.startsWith(prefix)).sort()
    },
  }
}

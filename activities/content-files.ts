import type { TranscriptMessage } from '../log/transcript.ts'
import type { AssistantBlock } from '../protocol/contract.ts'
import { shownAs } from '../protocol/files.ts'
import { limits } from '../protocol/limits.ts'
import type { Blobs } from '../store/blobs.ts'
import type { FileRecord, Records } from '../store/records.ts'
import type { ModelMessage } from './model/provider.ts'

interface Content {
  data: string
  /** In the request's JSON. */
  bytes: number
}

interface Stores {
  records: Pick<Records, 'files'>
  blobs: Pick<Blobs, 'getStream'>
}

/**
 * Puts the content of uploaded files where messages refer to them. It is read for each request, so that it is in no
 * history. A file that is gone leaves a note in its place, and so do the oldest of those that are too large together.
 * @param most bytes of all of them in the request
 */
export async function withFiles(
  messages: TranscriptMessage[],
  stores: Stores,
  most: number = limits.shownFilesBytes,
): Promise<ModelMessage[]> {
  if (!messages.some(namesFile)) return messages
  const files = new RequestFiles(stores, most)
  return newestFirst(messages, async (message) =>
    namesFile(message)
      ? { ...message, content: await newestFirst(message.content, (block) => resolve(block, files)) }
      : message,
  )
}

const namesFile = ({ content }: { content: readonly unknown[] }) => (content as AssistantBlock[]).some(refersToFile)

function refersToFile(block: AssistantBlock): boolean {
  if (block.type === 'tool_result') return Array.isArray(block.content) && namesFile({ content: block.content })
  return fileOf(block) !== undefined
}

function fileOf({ type, source }: AssistantBlock): string | undefined {
  const { type: from, file_id } = (source ?? {}) as { type?: string; file_id?: string }
  return (type === 'image' || type === 'document') && from === 'file' ? file_id : undefined
}

async function resolve(block: AssistantBlock, files: RequestFiles): Promise<AssistantBlock> {
  if (block.type === 'tool_result' && Array.isArray(block.content)) {
    return { ...block, content: await newestFirst(block.content, (inner) => resolve(inner, files)) }
  }
  const id = fileOf(block)
  return id === undefined ? block : files.show(block, id)
}

/** One after the other: there is room for the newest, and no more in memory than a request can hold. */
async function newestFirst<T>(items: readonly T[], work: (item: T) => Promise<T>): Promise<T[]> {
  const done = [...items]
  for (let index = items.length - 1; index >= 0; index--) done[index] = await work(items[index]!)
  return done
}

/** The files of one request. Each is read once, however often it is named; what it takes counts each time. */
class RequestFiles {
  readonly #stores: Stores
  readonly #known = new Map<string, FileRecord | undefined>()
  readonly #contents = new Map<string, Content | undefined>()
  /** Bytes. */
  #left: number

  constructor(stores: Stores, most: number) {
    this.#stores = stores
    this.#left = most
  }

  async show(block: AssistantBlock, id: string): Promise<AssistantBlock> {
    if (!this.#known.has(id)) this.#known.set(id, await this.#stores.records.files.get(id))
    const file = this.#known.get(id)
    const gone = note(`file ${id} is no longer available`)
    const leftOut = note(`file ${id} is left out: the files shown here are too large for one request`)
    // The row of an expired one outlives its content.
    if (!file?.blob) return gone
    const { mediaType, isText, bytes } = shownAs(file.metadata)
    if (bytes > this.#left) return leftOut
    if (!this.#contents.has(id)) this.#contents.set(id, await this.#read(file.blob, isText ? 'utf8' : 'base64'))
    const content = this.#contents.get(id)
    if (!content) return gone
    if (content.bytes > this.#left) return leftOut
    this.#left -= content.bytes
    const source = isText ? { type: 'text', media_type: 'text/plain' } : { type: 'base64', media_type: mediaType }
    return { ...block, source: { ...source, data: content.data } }
  }

  /** In pieces: the worker has other sessions. */
  async #read(blob: string, encoding: 'utf8' | 'base64'): Promise<Content | undefined> {
    const stream = await this.#stores.blobs.getStream(blob)
    if (!stream) return undefined
    const pieces: string[] = []
    let bytes = 0
    for await (const piece of stream.setEncoding(encoding)) {
      pieces.push(piece)
      // A line break is two characters there, a control character six.
      bytes += Buffer.byteLength(JSON.stringify(piece)) - 2
    }
    return { data: pieces.join(''), bytes }
  }
}

const note = (text: string): AssistantBlock => ({ type: 'text', text: `[${text}]` })

import type { TranscriptMessage } from '../log/transcript.ts'
import type { AssistantBlock } from '../protocol/contract.ts'
import type { Blobs } from '../store/blobs.ts'
import type { Records } from '../store/records.ts'
import type { ModelMessage } from './model/provider.ts'

/**
 * Puts the content of uploaded files where messages refer to them. It is read for each request, so that it is in no
 * history. A file that is gone leaves a note in its place.
 */
export async function withFiles(
  messages: TranscriptMessage[],
  stores: { records: Records; blobs: Blobs },
): Promise<ModelMessage[]> {
  if (!messages.some(namesFile)) return messages
  return Promise.all(
    messages.map(async (message) =>
      namesFile(message)
        ? { ...message, content: await Promise.all(message.content.map((block) => resolve(block, stores))) }
        : message,
    ),
  )
}

const namesFile = ({ content }: { content: readonly unknown[] }) => (content as AssistantBlock[]).some(refersToFile)

function refersToFile({ type, content, source }: AssistantBlock): boolean {
  if (type === 'tool_result') return Array.isArray(content) && namesFile({ content })
  return (type === 'image' || type === 'document') && (source as { type?: string } | undefined)?.type === 'file'
}

async function resolve(block: AssistantBlock, stores: { records: Records; blobs: Blobs }): Promise<AssistantBlock> {
  if (block.type === 'tool_result' && Array.isArray(block.content)) {
    return { ...block, content: await Promise.all(block.content.map((inner) => resolve(inner, stores))) }
  }
  const source = block.source as { type?: string; file_id?: string } | undefined
  if ((block.type !== 'image' && block.type !== 'document') || source?.type !== 'file') return block
  const file = await stores.records.files.get(source.file_id!)
  // The row of an expired one outlives its content.
  const data = file?.blob && (await stores.blobs.get(file.blob))
  if (!file || !data) return { type: 'text', text: `[file ${source.file_id} is no longer available]` }
  const mediaType = file.metadata.mime_type.split(';')[0]!.trim()
  const content =
    block.type === 'document' && mediaType.startsWith('text/')
      ? { type: 'text', media_type: 'text/plain', data: Buffer.from(data).toString() }
      : { type: 'base64', media_type: mediaType, data: Buffer.from(data).toString('base64') }
  return { ...block, source: content }
}

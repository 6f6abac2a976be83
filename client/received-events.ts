import { createHash } from 'node:crypto'
import { imageTypes } from '../protocol/content.ts'
import { invalidRequest } from '../protocol/errors.ts'
import type { EventParams, UserEvent } from '../protocol/events.ts'
import { type FileMetadata, shownAs } from '../protocol/files.ts'
import { idBody, newId, prefixes } from '../protocol/ids.ts'
import { limits } from '../protocol/limits.ts'
import { hasExpired } from './expired-files.ts'
import type { Runtime } from './runtime.ts'

/**
 * Gives events their ids. With a key the ids are made from it, so that a repetition has the same ones and the session
 * knows it by them.
 */
export function receivedEvents(events: EventParams[], key?: string): UserEvent[] {
  return events.map((event, index) => {
    const id = key === undefined ? newId('event') : keyedId(key, index)
    const fields = Object.fromEntries(
      Object.entries(event).filter(
        // Of threads only an interrupt may say something; older clients do with answers. Source: spec §8.1.11.
        ([name, value]) => value != null && (name !== 'session_thread_id' || event.type === 'user.interrupt'),
      ),
    )
    return { ...fields, id, processed_at: null } as UserEvent
  })
}

/** The id of what is sent at a place with a key, whatever it says: so a session takes one event for it, ever. */
export function keyedId(key: string, index: number): string {
  const uuid = createHash('sha256').update(`${key}\0${index}`).digest('hex').slice(0, 32)
  return prefixes.event + idBody(uuid)
}

/**
 * Checks what a schema cannot: that messages say something, and that the files they name exist and fit their place.
 * @throws ApiError 400 that names the entry
 */
export async function checkContent({ records }: Runtime, events: EventParams[], where: string): Promise<void> {
  const files: { id: string; block: 'image' | 'document'; event: number; place: string }[] = []
  let documents = 0
  for (const [index, event] of events.entries()) {
    const content = 'content' in event ? (event.content ?? []) : []
    const said = content.some((block) => block.type !== 'text' || block.text.trim() !== '')
    if ((event.type === 'user.message' || event.type === 'system.message') && !said) {
      throw invalidRequest(`${where}.${index}.content: must say something`)
    }
    for (const [place, block] of content.entries()) {
      if ((block.type !== 'image' && block.type !== 'document') || block.source.type !== 'file') continue
      if (block.type === 'document') documents++
      const file = `${where}.${index}.content.${place}.source.file_id`
      files.push({ id: block.source.file_id, block: block.type, event: index, place: file })
    }
  }
  if (documents > limits.documentsFromFiles) {
    throw invalidRequest(`${where}: at most ${limits.documentsFromFiles} documents from files`)
  }
  const ids = new Set(files.map((file) => file.id))
  const known = new Map((await records.files.getMany([...ids])).map(({ metadata }) => [metadata.id, metadata]))
  const bytes = events.map(() => 0)
  for (const { id, block, event, place } of files) {
    const file = known.get(id)
    if (!file) throw invalidRequest(`${place}: file ${id} was not found`, { code: 'file_not_found' })
    if (hasExpired(file)) throw invalidRequest(`${place}: file ${id} has expired`, { code: 'file_expired' })
    if (!fits(block, file)) {
      throw invalidRequest(`${place}: file ${id} is ${file.mime_type}, which no model takes as ${block}`)
    }
    bytes[event]! += shownAs(file).bytes
    if (bytes[event]! > limits.shownFilesBytes) {
      const most = `${limits.shownFilesBytes} bytes, each time that a file is named`
      throw invalidRequest(`${where}.${event}.content: its files are too large for a request to the model (${most})`)
    }
  }
}

function fits(block: 'image' | 'document', file: FileMetadata): boolean {
  const { mediaType, isText } = shownAs(file)
  return block === 'image' ? imageTypes.includes(mediaType) : isText || mediaType === 'application/pdf'
}

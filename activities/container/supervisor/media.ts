/** An image or document that the model can look at, told by its first bytes: a name may say anything. */
export interface Medium {
  type: 'image' | 'document'
  media_type: string
}

/** Bytes of one that is shown. */
export const mediaLimit = 5 * 1024 * 1024

const kinds: { medium: Medium; begins: (bytes: Buffer) => boolean }[] = [
  { medium: { type: 'image', media_type: 'image/png' }, begins: (bytes) => at(bytes, 0, '\x89PNG\r\n\x1a\n') },
  { medium: { type: 'image', media_type: 'image/jpeg' }, begins: (bytes) => at(bytes, 0, '\xff\xd8\xff') },
  {
    medium: { type: 'image', media_type: 'image/gif' },
    begins: (bytes) => at(bytes, 0, 'GIF87a') || at(bytes, 0, 'GIF89a'),
  },
  {
    medium: { type: 'image', media_type: 'image/webp' },
    begins: (bytes) => at(bytes, 0, 'RIFF') && at(bytes, 8, 'WEBP'),
  },
  { medium: { type: 'document', media_type: 'application/pdf' }, begins: (bytes) => at(bytes, 0, '%PDF-') },
]

export function mediumOf(bytes: Buffer): Medium | undefined {
  return kinds.find(({ begins }) => begins(bytes))?.medium
}

const at = (bytes: Buffer, offset: number, text: string) =>
  bytes.subarray(offset, offset + text.length).equals(Buffer.from(text, 'latin1'))

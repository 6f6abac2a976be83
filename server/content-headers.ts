import type { FileMetadata } from '../protocol/files.ts'

/** Headers of a file's content, whatever its name is. */
export function contentHeaders({
  filename,
  mime_type,
  size_bytes,
}: Pick<FileMetadata, 'filename' | 'mime_type' | 'size_bytes'>): Record<string, string> {
  return {
    'content-type': mime_type,
    'content-length': String(size_bytes),
    'content-disposition': `attachment; filename="${plain(filename)}"; filename*=UTF-8''${encoded(filename)}`,
    // It is somebody's upload: no browser may take it for a page of this origin.
    'x-content-type-options': 'nosniff',
  }
}

const plain = (name: string) => name.replace(/[^\x20-\x7e]|["\\%]/g, '_')

/** As RFC 8187 has it, which leaves fewer characters as they are than URIs do. */
const encoded = (name: string) =>
  encodeURIComponent(name.toWellFormed()).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

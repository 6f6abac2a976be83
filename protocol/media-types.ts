import path from 'node:path'

/** Kinds of files that people give to agents; anything else is application/octet-stream. */
const types: Record<string, string> = {
  '.csv': 'text/csv',
  '.txt': 'text/plain',
  '.md': 'text/markdown',
  '.html': 'text/html',
  '.json': 'application/json',
  '.jsonl': 'application/jsonl',
  '.xml': 'application/xml',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
  '.tsv': 'text/tab-separated-values',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.gif': 'image/gif',
  '.webp': 'image/webp',
  '.svg': 'image/svg+xml',
  '.zip': 'application/zip',
  '.gz': 'application/gzip',
  '.tar': 'application/x-tar',
  '.py': 'text/x-python',
  '.js': 'text/javascript',
  '.ts': 'text/typescript',
  '.docx': 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  '.pptx': 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  '.parquet': 'application/vnd.apache.parquet',
}

export function getType(filename: string | undefined): string | undefined {
  return types[path.extname(filename ?? '').toLowerCase()]
}

/** The ending of a media type, with its dot; empty when unknown. */
export function getExtension(mimeType: string): string {
  return Object.entries(types).find(([, type]) => type === mimeType)?.[0] ?? ''
}

import { z } from 'zod'
import { expiresInSeconds, fileListParams } from '../../../protocol/files.ts'
import { file } from '../objects/files.ts'
import { deleted, json, type Operation, page } from '../operation.ts'

/** Source: spec §15. */
export const fileOperations: Operation[] = [
  {
    id: 'files.upload',
    method: 'POST',
    path: '/v1/files',
    summary: 'Stores a file',
    upload: z.object({ file: z.string().meta({ format: 'binary' }), expires_in_seconds: expiresInSeconds }),
    answer: json(file),
  },
  {
    id: 'files.list',
    method: 'GET',
    path: '/v1/files',
    summary: 'Lists files, newest first: those of a session, or those that belong to none',
    query: fileListParams,
    answer: page(file),
  },
  {
    id: 'files.retrieveMetadata',
    method: 'GET',
    path: '/v1/files/{id}',
    summary: 'What is known of a file',
    answer: json(file),
  },
  {
    id: 'files.download',
    method: 'GET',
    path: '/v1/files/{id}/content',
    summary: 'The content of a file',
    answer: { kind: 'content' },
  },
  {
    id: 'files.delete',
    method: 'DELETE',
    path: '/v1/files/{id}',
    summary: 'Deletes a file',
    answer: deleted('file_deleted'),
  },
]

import { openAsBlob } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import type Anthropic from '@anthropic-ai/sdk'
import { type Fetch, withApi } from '../api-client.ts'
import { usageError } from '../failure.ts'
import { oneLine } from '../output/printable.ts'
import { Progress } from '../output/progress.ts'

export interface UploadFlags {
  name?: string
  type?: string
  /** Seconds. */
  expires?: number
}

/** Uploads a file of this machine. Its content is read while it is sent: its size is not a matter of memory. */
export async function uploadFile(file: string, flags: UploadFlags = {}): Promise<Anthropic.Beta.BetaFileMetadata> {
  const { size } = await sizeOf(file)
  const name = flags.name ?? path.basename(file)
  const progress = new Progress(oneLine(name), size)
  const content = new File([await openAsBlob(file)], name, { type: flags.type ?? '' })
  try {
    return (await withApi(
      ({ client }) =>
        client.beta.files.upload(
          { file: content, ...(flags.expires && { expires_in_seconds: flags.expires }) },
          { timeout: 24 * 3600_000 },
        ),
      { through: counting(progress) },
    )) as Anthropic.Beta.BetaFileMetadata
  } finally {
    progress.end()
  }
}

async function sizeOf(file: string): Promise<{ size: number }> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${file} cannot be read (${error.code})`)
  })
  if (!found.isFile()) throw usageError(`${file} is no file`)
  return found
}

/** `fetch` that counts the bytes of a form as they go out. */
function counting(progress: Progress): Fetch {
  return (input, init) => {
    if (!(init?.body instanceof FormData)) return fetch(input, init)
    progress.restart()
    const form = new Response(init.body)
    const headers = new Headers(init.headers)
    headers.set('content-type', form.headers.get('content-type')!)
    return fetch(input, {
      ...init,
      headers,
      body: form.body!.pipeThrough(progress.through()),
      duplex: 'half',
    } as RequestInit)
  }
}

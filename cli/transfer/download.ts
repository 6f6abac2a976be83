import { createWriteStream } from 'node:fs'
import { access, link, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type Anthropic from '@anthropic-ai/sdk'
import { withApi } from '../api-client.ts'
import { exitCodes } from '../exit-codes.ts'
import { Failure } from '../failure.ts'
import { interruption } from '../interruption.ts'
import { oneLine } from '../output/printable.ts'
import { Progress } from '../output/progress.ts'

export interface DownloadFlags {
  output?: string
  force?: boolean
}

/**
 * Downloads a file. It appears under its name when it is whole; what is there stays as it is without `force`.
 * @returns where it is now: undefined for standard output
 */
export async function downloadFile(
  id: string,
  flags: DownloadFlags,
): Promise<{ path?: string; file: Anthropic.Beta.BetaFileMetadata }> {
  return withApi(async ({ client }) => {
    const file = await client.beta.files.retrieveMetadata(id)
    const open = () => client.beta.files.download(id, {}, { timeout: 24 * 3600_000 })
    const { path } = await downloadContent(file.filename, open, flags)
    return { ...(path !== undefined && { path }), file }
  })
}

/** As `downloadFile`, of any content. `size` is in bytes. */
export async function downloadContent(
  filename: string,
  open: () => PromiseLike<Response>,
  { output, force = false }: DownloadFlags,
): Promise<{ path?: string; size: number }> {
  const target = output === '-' ? undefined : path.resolve(output ?? localName(filename))
  if (target && !force && (await exists(target))) throw taken(target)
  const response = await open()
  const size = Number(response.headers.get('content-length'))
  const progress = new Progress(oneLine(filename), size)
  const content = Readable.fromWeb(response.body!.pipeThrough(progress.through()) as never)
  try {
    if (!target) await pipeline(content, process.stdout, { end: false, signal: interruption() })
    else await save(content, target, force)
  } finally {
    progress.end()
  }
  return { ...(target && { path: target }), size }
}

async function save(content: Readable, target: string, force: boolean): Promise<void> {
  const partial = `${target}.${process.pid}.partial`
  try {
    await pipeline(content, createWriteStream(partial, { flags: 'wx' }), { signal: interruption() })
    if (force) return await rename(partial, target)
    // Unlike a rename it takes no name that somebody took meanwhile.
    await link(partial, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') throw taken(target)
      // A file system without links.
      return rename(partial, target)
    })
  } finally {
    await rm(partial, { force: true })
  }
}

/** The name is the uploader's, or an agent's: it must not lead out of the folder or be hidden. */
function localName(filename: string): string {
  return oneLine(path.basename(filename.replaceAll('\\', '/'))).replace(/^\.+/, '') || 'download'
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  )

const taken = (file: string) =>
  new Failure(`${file} is there already: give --force to replace it, or --output PATH`, exitCodes.conflict)

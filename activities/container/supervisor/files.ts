import { isUtf8 } from 'node:buffer'
import { createReadStream } from 'node:fs'
import { chmod, mkdir, open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { mediaLimit, mediumOf } from './media.ts'
import { Output } from './output.ts'
import { randomId } from './random-id.ts'
import { optional, type Result, required, ToolError, toolText } from './result.ts'
import { Turns } from './turns.ts'

/** Bytes of text that `read` and `edit` take at once. Source: spec §16. */
const textLimit = 256 * 1024

/** Relative paths begin at the working directory. */
export const located = (given: string) => path.resolve('/workspace', given)

/** An image or document is in memory some times over until it is told: one at a time. */
const media = new Turns(1)

export async function read(input: Record<string, unknown>, _id: string, signal: AbortSignal): Promise<Result> {
  const file = located(required(input, 'file_path', 'string'))
  const range = rangeOf(input)
  const { size } = await regular(file)
  const medium = range ? undefined : mediumOf(await beginning(file))
  if (medium) {
    if (size > mediaLimit) throw new ToolError(`${file} is ${size} bytes; at most ${mediaLimit} can be shown`)
    const { type, media_type } = medium
    const done = await media.take()
    try {
      const data = (await readFile(file)).toString('base64')
      return { content: [{ type, source: { type: 'base64', media_type, data } }], is_error: false, outcome: 'done' }
    } finally {
      done()
    }
  }
  if (!range) {
    if (size > textLimit) throw new ToolError(`${file} is ${size} bytes, more than ${textLimit}: give a view_range`)
    return toolText(beginningOf((await readFile(file)).toString() || '(empty file)', 1))
  }
  return toolText(beginningOf(await lines(file, range, signal), range[0]))
}

export async function write(input: Record<string, unknown>): Promise<Result> {
  const file = located(required(input, 'file_path', 'string'))
  const content = required(input, 'content', 'string')
  await replace(file, content)
  return toolText(`wrote ${Buffer.byteLength(content)} bytes to ${file}`)
}

export async function edit(input: Record<string, unknown>): Promise<Result> {
  const file = located(required(input, 'file_path', 'string'))
  const before = required(input, 'old_string', 'string')
  const after = required(input, 'new_string', 'string')
  const all = optional(input, 'replace_all', 'boolean') ?? false
  if (before === '') throw new ToolError('old_string must not be empty')
  if (before === after) throw new ToolError('old_string and new_string are the same')
  const { size } = await regular(file)
  if (size > textLimit) throw new ToolError(`${file} is ${size} bytes; at most ${textLimit} can be edited`)
  const bytes = await readFile(file)
  if (!isUtf8(bytes)) throw new ToolError(`${file} is no UTF-8 text: edit it with bash`)
  const text = bytes.toString()
  const count = text.split(before).length - 1
  if (count === 0) throw new ToolError(`old_string was not found in ${file}`)
  if (count > 1 && !all) {
    throw new ToolError(`old_string occurs ${count} times in ${file}: make it unique, or set replace_all`)
  }
  // A function, so that "$" in the new text means nothing.
  await replace(file, all ? text.replaceAll(before, () => after) : text.replace(before, () => after))
  return toolText(`replaced ${count} occurrence${count === 1 ? '' : 's'} in ${file}`)
}

function rangeOf(input: Record<string, unknown>): [number, number] | undefined {
  const range = input.view_range
  if (range === undefined || range === null) return undefined
  if (!Array.isArray(range) || range.length !== 2 || !range.every(Number.isInteger)) {
    throw new ToolError('view_range must be two whole numbers: first and last line')
  }
  const [first, last] = range as [number, number]
  if (first < 1) throw new ToolError('view_range: lines are counted from 1')
  if (last > 0 && last < first) throw new ToolError('view_range: the last line lies before the first')
  return [first, last <= 0 ? Number.POSITIVE_INFINITY : last]
}

/** The first bytes of a file: they tell an image, whatever its name says. */
async function beginning(file: string): Promise<Buffer> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(16), 0, 16, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** Whole lines, as many as a result may have, and how to read on: all of it is in a file already. Source: spec §10.6. */
function beginningOf(text: string, first: number): string {
  if (text.length <= Output.shown) return text
  const end = text.lastIndexOf('\n', Output.shown)
  if (end < 0) {
    const left = text.length - Output.shown
    return `${text.slice(0, Output.shown)}\n\n[${left} characters left out, most of them of line ${first}: cut it with bash]`
  }
  const shown = text.slice(0, end)
  const next = first + shown.split('\n').length
  return `${shown}\n\n[${text.length - end} characters left out: read on with view_range [${next}, -1], or a part of that]`
}

/** Lines of a file of any size, read as far as needed. Of a line of any length no more is kept than may be shown. */
async function lines(file: string, [first, last]: [number, number], signal: AbortSignal): Promise<string> {
  const wanted: string[] = []
  let number = 1
  let bytes = 0
  let line = ''
  for await (const { text, ends } of pieces(createReadStream(file, { encoding: 'utf8', signal }))) {
    if (number >= first) {
      bytes += Buffer.byteLength(text) + (ends ? 1 : 0)
      if (bytes > textLimit)
        throw new ToolError(`lines ${first} to ${number} are more than ${textLimit} bytes: take fewer`)
      line += text
      if (ends) wanted.push(line)
      if (ends) line = ''
    }
    if (ends && ++number > last) break
  }
  if (number <= first) throw new ToolError(`${file} has only ${number - 1} lines`)
  return wanted.join('\n')
}

/** What ends a line, as Node's readline has it. */
const lineBreaks = /\r?\n|[\r\u2028\u2029]/g

/** Lines in the pieces in which they come. */
async function* pieces(chunks: AsyncIterable<string>): AsyncGenerator<{ text: string; ends: boolean }> {
  let isBegun = false
  let held = ''
  for await (const chunk of chunks) {
    const all = held + chunk
    // The other half of a line break may be in the next chunk.
    held = all.endsWith('\r') ? '\r' : ''
    const text = held ? all.slice(0, -1) : all
    let from = 0
    for (const { 0: mark, index } of text.matchAll(lineBreaks)) {
      yield { text: text.slice(from, index), ends: true }
      from = index + mark.length
      isBegun = false
    }
    if (from === text.length) continue
    isBegun = true
    yield { text: text.slice(from), ends: false }
  }
  if (isBegun || held) yield { text: '', ends: true }
}

async function regular(file: string): Promise<{ size: number }> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new ToolError(error.code === 'ENOENT' ? `${file} does not exist` : error.message)
  })
  if (found.isDirectory()) throw new ToolError(`${file} is a folder`)
  if (!found.isFile()) throw new ToolError(`${file} is no regular file`)
  return found
}

/** Whole or not at all: written beside the file and moved over it; a symbolic link stays one. */
async function replace(file: string, content: string): Promise<void> {
  const before = await stat(file).catch(() => undefined)
  if (before && !before.isFile()) throw new ToolError(`${file} is no regular file`)
  const target = await realpath(file).catch(() => file)
  await mkdir(path.dirname(target), { recursive: true })
  const partial = path.join(path.dirname(target), `.${randomId()}.partial`)
  try {
    await writeFile(partial, content)
    if (before) await chmod(partial, before.mode & 0o7777)
    await rename(partial, target)
  } catch (error) {
    await rm(partial, { force: true })
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EBUSY' || code === 'EROFS') throw new ToolError(`${file} is read-only`)
    throw error
  }
}

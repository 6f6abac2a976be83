import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import { type Command, InvalidArgumentError } from 'commander'
import { parseCursor } from '../log/cursor.ts'
import { usageError } from './failure.ts'

/** Parsers of options, for commander. */

/** 0 is any port that is free. */
export function parsePort(text: string): number {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('expected a number from 0 to 65535')
  return port
}

export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0')
  return Number(text)
}

/** A cursor of an event. */
export function parsePlace(text: string): string {
  if (!parseCursor(text)) throw new InvalidArgumentError('expected the cursor of an event, such as 0.12.0')
  return text
}

/** Collects what an option that may be repeated was given. */
export const collect = (text: string, before: string[] = []): string[] => [...before, text]

/** Collects `key=value`; `key=` takes a key away in updates. */
export function collectPair(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('expected KEY=VALUE')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** Metadata of an update: what is empty is taken away. */
export function metadataPatch(pairs: Record<string, string> | undefined): Record<string, string | null> | undefined {
  return pairs && Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, value === '' ? null : value]))
}

/** A text that was given: `-` reads standard input, `@FILE` a file. */
export async function givenText(text: string): Promise<string> {
  if (text === '-') return readAll(process.stdin)
  if (!text.startsWith('@')) return text
  return readGiven(text.slice(1))
}

async function readGiven(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw usageError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

/** The JSON object of `--from FILE|-`, which the other options are laid over. */
export async function givenObject(from: string | undefined): Promise<Record<string, unknown>> {
  if (from === undefined) return {}
  const text = from === '-' ? await readAll(process.stdin) : await readGiven(from)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw usageError(`--from ${from}: not JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw usageError(`--from ${from}: expected a JSON object`)
  return value as Record<string, unknown>
}

/** Without the fields that were not given. */
export function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
}

/** The flags that all commands on the API share. */
export const withJson = (command: Command): Command => command.option('--json', 'JSON for programs, one object a line')

export const withFrom = (command: Command): Command =>
  command.option('--from <file>', 'JSON object with the parameters of the API, - for standard input; options win')

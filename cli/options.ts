import { readFile } from 'node:fs/promises'
import { text as readAll } from 'node:stream/consumers'
import type Anthropic from '@anthropic-ai/sdk'
import { type Command, InvalidArgumentError } from 'commander'
import { parseCursor } from '../log/cursor.ts'
import { usageError } from './failure.ts'

/** Parsers of options, for commander: what they refuse is a matter of usage. Every number of a command line is read here. */

const wholeNumber = (least: number, most: number) => (text: string) => {
  const number = Number(text)
  if (!/^\d+$/.test(text) || number < least || number > most)
    throw new InvalidArgumentError(`expected a whole number from ${least} to ${most}`)
  return number
}

/** 0 is any port that is free. */
export const parsePort = wholeNumber(0, 65_535)
export const parseProcesses = wholeNumber(1, 64)
export const parseCount = wholeNumber(1, 999_999_999)

/** @returns US dollars of list cost as the API takes them */
export function parseBudget(text: string): Anthropic.Beta.Sessions.BetaManagedAgentsBudgetLimit {
  if (!/^\d{1,9}(\.\d{1,2})?$/.test(text) || Number(text) === 0)
    throw new InvalidArgumentError('expected US dollars, such as 2.50')
  const cents = String(Math.round(Number(text) * 100))
  return { type: 'limit', max_list_cost: { amount: cents, currency: 'USD' } }
}

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** @returns seconds */
export function parseInterval(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? []
  if (!count || !unit) throw new InvalidArgumentError('expected a number with s, m, h or d, such as 15m')
  return Number(count) * unitSeconds[unit]!
}

export function parseTime(text: string): string {
  // The parser alone takes a number for a year.
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) throw new InvalidArgumentError('expected a time such as 2026-11-01T00:00:00Z')
  return new Date(time).toISOString()
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

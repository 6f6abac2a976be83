import type { IncomingHttpHeaders } from 'node:http'
import { Transform } from 'node:stream'
import type { Injection } from '../container/provider.ts'
import { anyOf } from './any-of.ts'

/** What came back, and what the container sees in its place. Bytes, a character each. */
export type Echo = [sent: string, shown: string]

/** What is shorter stands in texts by chance. */
const shortest = 6

/** The ways in which a server may repeat a secret: as it is, or as JSON or an address writes it. */
export function echoesOf(injections: readonly Injection[]): Echo[] {
  const long = injections.filter(({ secret }) => secret.length >= shortest)
  return long.flatMap(({ secret, placeholder }) =>
    [...new Set([secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])].map(
      (form): Echo => [Buffer.from(form).toString('latin1'), placeholder],
    ),
  )
}

/** Headers of an answer with the placeholders again where the server repeats secrets. */
export function concealInHeaders(headers: IncomingHttpHeaders, echoes: readonly Echo[]): IncomingHttpHeaders {
  const conceal = (text: string) => split(text, echoes).join('')
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(conceal) : value && conceal(value),
    ]),
  )
}

/** Whether an answer is a text that can be read; others pass as they are. */
export function isReadable(headers: IncomingHttpHeaders): boolean {
  const { 'content-type': type = 'text/plain', 'content-encoding': encoding = 'identity' } = headers
  return encoding === 'identity' && /^(text\/|[\w.+/-]*\b(json|xml|javascript|x-www-form-urlencoded)\b)/i.test(type)
}

/** Puts the placeholders in the place of the secrets in a stream, which it holds up only where a secret may have begun. */
export function concealing(echoes: readonly Echo[]): Transform {
  let begun = ''
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const [clear, rest] = split(begun + chunk.toString('latin1'), echoes)
      const held = beginning(rest, echoes)
      begun = rest.slice(rest.length - held)
      done(null, Buffer.from(clear + rest.slice(0, rest.length - held), 'latin1'))
    },
    flush(done) {
      done(null, Buffer.from(begun, 'latin1'))
    },
  })
}

/** What goes up to the end of the last secret, with placeholders, and the rest. */
function split(text: string, echoes: readonly Echo[]): [string, string] {
  if (!echoes.some(([sent]) => text.includes(sent))) return ['', text]
  const shown = new Map(echoes)
  let clear = ''
  let end = 0
  for (const { 0: sent, index } of text.matchAll(anyOf(shown.keys()))) {
    clear += text.slice(end, index) + shown.get(sent)
    end = index + sent.length
  }
  return [clear, text.slice(end)]
}

/** How many characters at the end may be the first ones of a secret. */
function beginning(text: string, echoes: readonly Echo[]): number {
  let most = 0
  for (const [sent] of echoes) {
    let length = Math.min(sent.length - 1, text.length)
    while (length > most && !text.endsWith(sent.slice(0, length))) length--
    most = Math.max(most, length)
  }
  return most
}

import fc from 'fast-check'
import { openApiDocument } from '../../server/openapi/document.ts'
import type { Operation } from '../../server/openapi/operation.ts'
import { fromSchema } from './from-schema.ts'
import { idOf, type Kind, kinds, mutated, nasty } from './values.ts'

/** A request as it goes over the wire, but for the ids of living objects. */
export interface FuzzRequest {
  method: string
  path: string
  headers: Record<string, string>
  body?: string | Uint8Array
  /** The connection ends before the announced body does. */
  cutOff?: boolean
}

const document = openApiDocument()
// biome-ignore lint/suspicious/noExplicitAny: the document is what the test is driven by
const components = document.components.schemas as any

const kindOf: Record<string, Kind> = {
  agents: 'agent',
  environments: 'environment',
  sessions: 'session',
  files: 'file',
}

/** Requests of an operation, few of them right. */
export function requestsOf(operation: Operation): fc.Arbitrary<FuzzRequest> {
  const right = fc.constant(operation.method)
  const method = fc.oneof(
    { weight: 12, arbitrary: right },
    { weight: 1, arbitrary: fc.constantFrom('PUT', 'PATCH', 'HEAD', 'OPTIONS', 'DELETE', 'TRACE', 'GET', 'POST') },
  )
  return fc
    .record(
      { method, path: pathOf(operation), query: queryOf(operation), headers, body: bodyOf(operation), cutOff },
      { requiredKeys: ['method', 'path', 'query', 'headers', 'body'], noNullPrototype: true },
    )
    .map(({ method, path, query, headers, body, cutOff }) => ({
      method,
      path: query === '' ? path : `${path}?${query}`,
      headers: { ...headers, ...(body && { 'content-type': body.type, ...headers }) },
      ...(body && method !== 'GET' && method !== 'HEAD' && { body: body.content }),
      ...(cutOff && body && { cutOff }),
    }))
}

const cutOff = fc.integer({ min: 0, max: 40 }).map((draw) => draw === 0)

/** Whatever characters it has, as a request line can carry them. */
const onLine = (text: string) => encodeURIComponent(text.toWellFormed())

function pathOf(operation: Operation): fc.Arbitrary<string> {
  const own = kindOf[operation.path.split('/')[2]!] ?? 'agent'
  const segment = fc.oneof(
    { weight: 8, arbitrary: fc.constant(idOf(own)) },
    { weight: 2, arbitrary: fc.constantFrom(...kinds.map(idOf)) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '%00',
        '%ff',
        '%',
        '%zz',
        '..',
        '.',
        '%2e%2e%2f',
        'a%2fb',
        '%F0%9F',
        '*',
        ';',
        ':',
        '@',
        '&'.repeat(50),
        'x'.repeat(299),
        'x'.repeat(5000),
        'versions',
        '__proto__',
      ),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).map(onLine) },
    { weight: 1, arbitrary: fc.constant(`${idOf(own)}x`) },
  )
  const parts = operation.path.split('/').map((part) => (part.startsWith('{') ? segment : fc.constant(part)))
  const tail = fc.oneof(
    { weight: 15, arbitrary: fc.constant('') },
    { weight: 1, arbitrary: fc.constantFrom('/', '//', '/x', '#a', ';a=b', '.json') },
  )
  return fc.tuple(fc.tuple(...parts), tail).map(([all, end]) => all.join('/') + end)
}

const cursors = fc.oneof(
  fc.constantFrom('page_', 'page_e30', 'page_bnVsbA', 'x', 'page_%00', '%00'),
  fc.jsonValue().map((value) => `page_${Buffer.from(JSON.stringify(value)).toString('base64url')}`),
  fc
    .record({
      list: fc.constantFrom('agents', 'agent_versions', 'environments', 'sessions', 'events', 'files'),
      createdAt: nasty,
      id: nasty,
      order: fc.constantFrom<unknown>('asc', 'desc', 1),
      direction: fc.constantFrom<unknown>('next', 'prev', null),
      at: fc.oneof(fc.constantFrom<unknown>('0.1.0', '0.0.0', '999999.1.0', '-1.0.0', '1e3.1.1', '00.00.00'), nasty),
      version: nasty,
    })
    .map((value) => `page_${Buffer.from(JSON.stringify(value)).toString('base64url')}`),
)

function queryOf({ path, method }: Operation): fc.Arbitrary<string> {
  const parameters = (
    document.paths[path]![method.toLowerCase()]!.parameters as { name: string; in: string; schema: object }[]
  ).filter(({ in: where }) => where === 'query')
  const known = parameters.map(({ name, schema }) => {
    const right = fromSchema('items' in schema ? (schema.items as never) : (schema as never), components, name)
    const value = fc
      .oneof(right, nasty, name === 'page' ? cursors : nasty)
      .map((given) => (typeof given === 'string' ? given : (JSON.stringify(given) ?? '')))
    return fc.tuple(fc.constantFrom(name, name, name.replace('[]', ''), `${name}[]`, `${name}[x]`), value)
  })
  const any = fc.tuple(
    fc.string({ maxLength: 6 }),
    nasty.map((value) => JSON.stringify(value) ?? ''),
  )
  const pairs = fc.array(fc.oneof(...known, any), { maxLength: 4 })
  const written = pairs.map((all) =>
    all.map(([name, value]) => `${onLine(name)}=${onLine(value.slice(0, 3000))}`).join('&'),
  )
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('') },
    { weight: 6, arbitrary: written },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '%',
        '%ff=%fe',
        '=',
        '&&&',
        '?',
        'limit',
        'limit=%E0%A4%A',
        'created_at[=1',
        'created_at[gte',
        'types[]=',
        'beta=true',
      ),
    },
  )
}

const printable = fc
  .string({
    unit: fc
      .integer({ min: 0x20, max: 0xff })
      .filter((code) => code !== 0x7f)
      .map((code) => String.fromCharCode(code)),
    maxLength: 40,
  })
  .map((text) => text.trim())

const oddHeaders = {
  'content-type': fc.oneof(
    fc.constantFrom(
      'application/json',
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'multipart/form-data; boundary=',
      'application/json; charset=utf-16',
      'application/json; charset="',
      'application/vnd.x+json',
      '/',
      ';',
      'application/json,application/json',
    ),
    printable.filter((text) => text !== ''),
  ),
  'content-encoding': fc.constantFrom('gzip', 'br', 'deflate', 'identity', 'zstd', 'gzip, gzip', 'x'),
  'anthropic-beta': fc.oneof(fc.constantFrom('files-api-2025-04-14', 'managed-agents-2026-04-01,', ',,,'), printable),
  'idempotency-key': fc.oneof(printable, fc.constant('k'.repeat(256)), fc.constant('same')),
  'last-event-id': fc.oneof(printable, fc.constantFrom('0.1.0', '0.0', '99.99.99', '-1.-1.-1', '1e999.0.0')),
  'anthropic-version': printable,
  authorization: printable,
  'x-api-key': printable,
  accept: printable,
  expect: fc.constant('100-continue'),
}

/** Most requests have none of them: what is wrong there is found before anything else is looked at. */
const headers: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 30, arbitrary: fc.constant({}) },
  ...Object.entries(oddHeaders).map(([name, values]) => ({
    weight: 1,
    arbitrary: (values as fc.Arbitrary<string>).map((value): Record<string, string> => ({ [name]: value })),
  })),
)

function bodyOf({
  body,
  upload,
  path,
  method,
}: Operation): fc.Arbitrary<{ type: string; content: string | Uint8Array } | undefined> {
  if (upload)
    return fc.oneof(
      multipart,
      rawBody.map((content) => ({ type: 'multipart/form-data; boundary=b', content })),
    )
  const type = 'application/json'
  const raw = rawBody.map((content) => ({ type, content }))
  if (!body) return fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: raw })
  const { requestBody } = document.paths[path]![method.toLowerCase()] as never as {
    requestBody: { content: Record<string, { schema: never }> }
  }
  const written = mutated(fromSchema(requestBody.content[type]!.schema, components)).map(
    (value) => JSON.stringify(value) ?? '',
  )
  const cut = fc
    .tuple(written, fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([text, part]) => text.slice(0, text.length * part))
  return fc.oneof(
    { weight: 8, arbitrary: written.map((content) => ({ type, content })) },
    { weight: 1, arbitrary: cut.map((content) => ({ type, content })) },
    { weight: 1, arbitrary: raw },
  )
}

const rawBody: fc.Arbitrary<string | Uint8Array> = fc.oneof(
  fc.constantFrom(
    'NaN',
    '{"name":NaN}',
    '[]',
    '""',
    'null',
    '0',
    '{',
    '{"a":1,"a":2}',
    '{"__proto__":{"x":1}}',
    '\ufeff{}',
    '{}}',
    "{'a':1}",
    '{"a":1e999}',
    '{"\\u0000":1}',
    '{"a":"\\ud800"}',
    '['.repeat(100_000),
    '{"a":'.repeat(100_000),
  ),
  fc.uint8Array({ maxLength: 200 }),
  fc.string({ unit: 'binary' }),
)

const multipart = fc
  .record({
    boundary: fc.constantFrom(...Array(8).fill('b'), 'other', ''),
    parts: fc.array(
      fc.record({
        name: fc.constantFrom('file', 'file', 'expires_in_seconds', 'purpose', '', '__proto__', '\u0000'),
        filename: fc.option(
          fc.oneof(
            fc.constantFrom('a.txt', '../../etc/passwd', 'a\u0000b', '..', '"', 'x'.repeat(400), '<', 'ü.txt'),
            fc.string(),
          ),
        ),
        type: fc.option(fc.constantFrom('text/plain', 'x', '\u0001', 'text/html; charset=utf-8', 'a/b'.repeat(200))),
        content: fc.oneof(
          fc.string(),
          fc.constantFrom('3600', '1', '-1', '1e9', '99999999999999999999', 'x'.repeat(5000)),
        ),
      }),
      { maxLength: 4 },
    ),
    end: fc.constantFrom(...Array(8).fill('--b--\r\n'), '--b', ''),
  })
  .map(({ boundary, parts, end }) => {
    const written = parts.map(({ name, filename, type, content }) => {
      const file = filename === null ? '' : `; filename="${filename}"`
      return `--b\r\ncontent-disposition: form-data; name="${name}"${file}\r\n${type === null ? '' : `content-type: ${type}\r\n`}\r\n${content}\r\n`
    })
    return { type: `multipart/form-data; boundary=${boundary}`, content: written.join('') + end }
  })

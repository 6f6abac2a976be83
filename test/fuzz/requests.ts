import fc from 'fast-check'
import { openApiDocument } from '../../server/openapi/document.ts'
import type { Operation } from '../../server/openapi/operation.ts'
import { bodyOf } from './bodies.ts'
import { fromSchema } from './from-schema.ts'
import { headers } from './headers.ts'
import { idOf, type Kind, kinds, nasty } from './values.ts'

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
  memory_stores: 'memoryStore',
  vaults: 'vault',
  skills: 'skill',
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

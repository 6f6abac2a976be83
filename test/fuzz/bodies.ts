import fc from 'fast-check'
import { openApiDocument } from '../../server/openapi/document.ts'
import type { Operation } from '../../server/openapi/operation.ts'
import { fromSchema } from './from-schema.ts'
import { mutated } from './values.ts'

const document = openApiDocument()
// biome-ignore lint/suspicious/noExplicitAny: the document is what the test is driven by
const components = document.components.schemas as any

/** Bodies of an operation, few of them right. */
export function bodyOf({
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
        name: fc.constantFrom(
          'file',
          'file',
          'files[]',
          'files[]',
          'display_name',
          'expires_in_seconds',
          'purpose',
          '',
          '__proto__',
          '\u0000',
        ),
        filename: fc.option(
          fc.oneof(
            fc.constantFrom(
              'a.txt',
              'a/SKILL.md',
              'a/b/../c',
              '../../etc/passwd',
              'a\u0000b',
              '..',
              '"',
              'x'.repeat(400),
              '<',
              'ü.txt',
            ),
            fc.string(),
          ),
        ),
        type: fc.option(fc.constantFrom('text/plain', 'x', '\u0001', 'text/html; charset=utf-8', 'a/b'.repeat(200))),
        content: fc.oneof(
          fc.string(),
          fc.constantFrom(
            '---\nname: target\ndescription: d\n---\n',
            'PK\u0003\u0004',
            '3600',
            '1',
            '-1',
            '1e9',
            '99999999999999999999',
            'x'.repeat(5000),
          ),
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

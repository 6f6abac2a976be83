import fc from 'fast-check'

/** Stands for the id of a living object of this kind; replaced when the request is sent. */
export const kinds = [
  'agent',
  'environment',
  'session',
  'file',
  'event',
  'resource',
  'memoryStore',
  'skill',
  'vault',
] as const
export type Kind = (typeof kinds)[number]
export const idOf = (kind: Kind) => `<${kind}>`

const protoKeys = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}')
const deep = (levels: number, open: string, close: string) =>
  JSON.parse(`${open.repeat(levels)}1${close.repeat(levels)}`) as unknown

/** Values that programs stumble over. */
const stones: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, -(2 ** 53), 1e21, 5e-324],
  ...[
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    '\udfff\ud800',
    '\u202e',
    'NaN',
    'Infinity',
    '-1',
    '__proto__',
    '../../etc',
    '%00',
  ],
  ...["'; drop table agents; --", '#{7*7}', '\r\nx-header: 1', '<script>', 'x'.repeat(300), 'ü'.repeat(70_000)],
  ...[[], {}, [[]], [null], { type: null }, { type: 'file' }, protoKeys, { toString: 1 }, { length: -1 }],
  ...[deep(100, '[', ']'), deep(2000, '[', ']'), deep(500, '{"a":', '}')],
  ...['2026-13-45T99:99:99Z', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59+23:59', 'http://', 'https://exa mple.com/'],
  ...kinds.map(idOf),
)

export const nasty: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: stones },
  { weight: 1, arbitrary: fc.jsonValue() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.double() },
)

const nastyKey = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'type',
    'id',
    'toString',
    '',
    '\0',
    '$ref',
    'hasOwnProperty',
  ),
  fc.string({ unit: 'binary', maxLength: 10 }),
)

interface Mutation {
  at: number
  kind: 'replace' | 'drop' | 'add' | 'repeat'
  key: string
  value: unknown
}

/** The value with a few things wrong somewhere inside. */
export function mutated(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const mutation: fc.Arbitrary<Mutation> = fc.record({
    at: fc.nat(),
    kind: fc.constantFrom('replace' as const, 'drop' as const, 'add' as const, 'repeat' as const),
    key: nastyKey,
    value: nasty,
  })
  return fc
    .tuple(value, fc.oneof(fc.constant([]), fc.array(mutation, { minLength: 1, maxLength: 2 })))
    .map(([whole, mutations]) => mutations.reduce(apply, structuredClone(whole)))
}

function apply(whole: unknown, { at, kind, key, value }: Mutation): unknown {
  const places = slotsOf(whole)
  const place = places[at % Math.max(places.length, 1)]
  if (!place) return value
  const holder = place.holder as Record<string, unknown>
  if (kind === 'replace') define(holder, place.key, value)
  else if (kind === 'drop') delete holder[place.key]
  else if (kind === 'add') define(holder, Array.isArray(holder) ? String(holder.length) : key, value)
  else
    define(
      holder,
      place.key,
      Array.from({ length: 600 }, () => holder[place.key]),
    )
  return whole
}

/** Also the key `__proto__` becomes one like any other. */
function define(holder: object, key: string, value: unknown): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true })
}

function slotsOf(value: unknown, depth = 0): { holder: object; key: string }[] {
  if (typeof value !== 'object' || value === null || depth > 6) return []
  return Object.entries(value).flatMap(([key, inner]) => [{ holder: value, key }, ...slotsOf(inner, depth + 1)])
}

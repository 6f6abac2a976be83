import fc from 'fast-check'

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
  'anthropic-beta': fc.oneof(
    fc.constantFrom('files-api-2025-04-14', 'skills-2025-10-02', 'managed-agents-2026-04-01,', ',,,'),
    printable,
  ),
  'idempotency-key': fc.oneof(printable, fc.constant('k'.repeat(256)), fc.constant('same')),
  'last-event-id': fc.oneof(printable, fc.constantFrom('0.1.0', '0.0', '99.99.99', '-1.-1.-1', '1e999.0.0')),
  'anthropic-version': printable,
  authorization: printable,
  'x-api-key': printable,
  accept: printable,
  expect: fc.constant('100-continue'),
}

/** Most requests have none of them: what is wrong there is found before anything else is looked at. */
export const headers: fc.Arbitrary<Record<string, string>> = fc.oneof(
  { weight: 30, arbitrary: fc.constant({}) },
  ...Object.entries(oddHeaders).map(([name, values]) => ({
    weight: 1,
    arbitrary: (values as fc.Arbitrary<string>).map((value): Record<string, string> => ({ [name]: value })),
  })),
)

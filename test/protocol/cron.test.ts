import { describe, expect, it } from 'vitest'
import {
  type Cron,
  CronInvalid,
  conjunctive,
  parseCron,
  repeatedTimes,
  timesWithoutMidnight,
} from '../../protocol/cron.ts'
import { nextTimes } from '../../protocol/deployments.ts'

const next = (expression: string, timezone: string, after: string, count = 3) =>
  nextTimes({ type: 'cron', expression, timezone }, Date.parse(after), count).map((time) =>
    new Date(time).toISOString().replace(':00.000', ''),
  )

describe('a cron expression', () => {
  it.each<[expression: string, fields: Partial<Cron>]>([
    ['* * * * *', { minutes: Array.from({ length: 60 }, (_, n) => n), daysOfWeek: [0, 1, 2, 3, 4, 5, 6] }],
    ['*/20 0-6/3 1,15 * *', { minutes: [0, 20, 40], hours: [0, 3, 6], daysOfMonth: [1, 15] }],
    ['50/5 5 * * *', { minutes: [50, 55], hours: [5] }],
    ['0 0 * jan,Nov-DEC sun', { months: [1, 11, 12], daysOfWeek: [0] }],
    ['0 0 * * 5-7', { daysOfWeek: [0, 5, 6] }],
    ['0  0 1 1 0,7', { daysOfWeek: [0], eitherDay: true }],
    ['0 0 */2 * 1', { eitherDay: false }],
  ])('is read: %s', (expression, fields) => {
    expect(parseCron(expression)).toMatchObject(fields)
  })

  it.each([
    '',
    '* * * *',
    '* * * * * *',
    '@daily',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * 32 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    '*-5 * * * *',
    '1,,2 * * * *',
    '1- * * * *',
    '-1 * * * *',
    '1.5 * * * *',
    '0 0 L * *',
    '0 0 1W * *',
    '0 0 * * 1#2',
    '0 0 ? * 1',
    '0 0 * foo *',
    'jan 0 * * *',
  ])('is refused: "%s"', (expression) => {
    expect(() => parseCron(expression)).toThrow(CronInvalid)
  })

  it('comes on one of its two days when both are named, as POSIX says, and is told to Temporal as two', () => {
    expect(next('0 12 1 * 1', 'UTC', '2026-11-28T00:00:00Z')).toEqual(
      ['2026-11-30T12:00', '2026-12-01T12:00', '2026-12-07T12:00'].map((time) => `${time}Z`),
    )
    expect(conjunctive(parseCron('0 12 1 1 1'))).toEqual(['0 12 1 1 *', '0 12 * 1 1'])
    expect(conjunctive(parseCron('0 12 1 1 *'))).toEqual(['0 12 1 1 0,1,2,3,4,5,6'])
  })
})

describe('the times of a cron expression', () => {
  it('are those of the clocks of its zone, and lie behind the instant', () => {
    expect(next('0 9 * * 1-5', 'America/Los_Angeles', '2026-11-27T17:00:00Z')).toEqual([
      '2026-11-30T17:00Z',
      '2026-12-01T17:00Z',
      '2026-12-02T17:00Z',
    ])
    expect(next('30 5 * * *', 'Asia/Kolkata', '2026-11-27T23:59:59Z', 1)).toEqual(['2026-11-28T00:00Z'])
    // The day there is one ahead.
    expect(next('0 0 1 * *', 'Pacific/Kiritimati', '2026-11-28T00:00:00Z', 1)).toEqual(['2026-11-30T10:00Z'])
  })

  it('leave out what the clocks skip', () => {
    expect(next('30 2 * * *', 'Europe/Oslo', '2027-03-27T00:00:00Z')).toEqual([
      '2027-03-27T01:30Z',
      '2027-03-29T00:30Z',
      '2027-03-30T00:30Z',
    ])
  })

  it('come twice when the clocks show them twice', () => {
    expect(next('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z')).toEqual([
      '2026-11-01T05:30Z',
      '2026-11-01T06:30Z',
      '2026-11-02T06:30Z',
    ])
    expect(next('30 2 * * *', 'Europe/Oslo', '2026-10-24T12:00:00Z')).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-25T01:30Z',
      '2026-10-26T01:30Z',
    ])
  })

  it.each([
    ['Europe/Oslo', '2026-10-25T00:00:00Z', 60],
    ['America/New_York', '2026-11-01T05:00:00Z', 60],
    ['Australia/Lord_Howe', '2027-04-03T14:30:00Z', 30],
  ])('are known where clocks show them twice: in %s', (timezone, first, minutes) => {
    const from = Date.parse(first)
    const repeated = repeatedTimes(parseCron('*/5 * * * *'), timezone, from - 40 * 86_400_000, from + 40 * 86_400_000)
    expect(repeated).toEqual(Array.from({ length: (2 * minutes) / 5 }, (_, index) => from + index * 5 * 60_000))
    expect(repeatedTimes(parseCron('0 12 * * *'), timezone, from - 40 * 86_400_000, from)).toEqual([])
    const more = repeatedTimes(parseCron('*/5 * * * *'), timezone, from - 1000, from + 1000, 3_600_000)
    expect(more).toHaveLength(repeated.length + 12)
  })

  it.each([
    ['America/Havana', '2027-03-14T05:00:00Z'],
    ['America/Santiago', '2027-09-05T04:00:00Z'],
    ['Africa/Cairo', '2027-04-29T22:00:00Z'],
  ])('are known on a day that has no midnight: in %s', (timezone, change) => {
    const at = Date.parse(change)
    const times = timesWithoutMidnight(parseCron('0 * * * *'), timezone, at - 40 * 86_400_000, at + 40 * 86_400_000)
    expect(times).toEqual(Array.from({ length: 23 }, (_, index) => at + index * 3_600_000))
  })

  it('are none on days without a midnight where every day has one', () => {
    for (const timezone of ['Europe/Oslo', 'America/New_York', 'UTC']) {
      const from = Date.parse('2027-01-01T00:00:00Z')
      expect(timesWithoutMidnight(parseCron('* * * * *'), timezone, from, from + 366 * 86_400_000)).toEqual([])
    }
  })

  it('are found years away, or not at all', () => {
    expect(next('0 0 29 2 *', 'UTC', '2096-03-01T00:00:00Z', 2)).toEqual(['2104-02-29T00:00Z', '2108-02-29T00:00Z'])
    expect(next('0 0 30 2 *', 'UTC', '2026-01-01T00:00:00Z')).toEqual([])
  })
})

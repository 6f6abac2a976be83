/**
 * Cron expressions of five fields, as POSIX has them, with the steps and names that are customary. They are matched with
 * what the clocks of a zone show: a time that these skip does not come, one that they show twice comes twice.
 * Source: spec §21.1.
 */
import { offsetsOf } from './time-zone.ts'

export interface Cron {
  minutes: number[]
  hours: number[]
  daysOfMonth: number[]
  /** 1 is January. */
  months: number[]
  /** 0 is Sunday. */
  daysOfWeek: number[]
  /** One of the two days is enough: neither field begins with an asterisk. Otherwise both have to match. */
  eitherDay: boolean
}

interface Field {
  name: string
  least: number
  most: number
  /** Names of the values, from the least on. */
  names?: string[]
}

const minute: Field = { name: 'minute', least: 0, most: 59 }
const hour: Field = { name: 'hour', least: 0, most: 23 }
const dayOfMonth: Field = { name: 'day of month', least: 1, most: 31 }
const month: Field = {
  name: 'month',
  least: 1,
  most: 12,
  names: 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' '),
}
const dayOfWeek: Field = { name: 'day of week', least: 0, most: 7, names: 'sun mon tue wed thu fri sat'.split(' ') }

/** @throws CronInvalid */
export function parseCron(expression: string): Cron {
  const fields = expression.trim().split(/\s+/)
  if (fields.length !== 5) {
    throw new CronInvalid('must have five fields: minute, hour, day of month, month, day of week')
  }
  const [minutes, hours, days, months, weekdays] = fields as [string, string, string, string, string]
  return {
    minutes: values(minutes, minute),
    hours: values(hours, hour),
    daysOfMonth: values(days, dayOfMonth),
    months: values(months, month),
    daysOfWeek: sorted(values(weekdays, dayOfWeek).map((day) => day % 7)),
    eitherDay: !days.startsWith('*') && !weekdays.startsWith('*'),
  }
}

/** The message says what is wrong with the expression. */
export class CronInvalid extends Error {
  override readonly name = 'CronInvalid'
}

function values(text: string, field: Field): number[] {
  return sorted(text.split(',').flatMap((part) => range(part, field)))
}

function range(part: string, field: Field): number[] {
  const wrong = () =>
    new CronInvalid(
      `${field.name}: "${part}" is not a value from ${field.least} to ${field.most}, a range or a step of them`,
    )
  const [, from, to, step = '1'] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d{1,4}))?$/.exec(part) ?? []
  if (from === undefined || (from === '*' && to !== undefined)) throw wrong()
  const first = from === '*' ? field.least : value(from, field)
  // A step without an end goes on to the last value; of the two Sundays it is the first.
  const last = field === dayOfWeek ? 6 : field.most
  const isOpen = from === '*' || (to === undefined && part.includes('/'))
  const end = isOpen ? last : value(to ?? from, field)
  const by = Number(step)
  if (first === undefined || end === undefined || first > end || by < 1) throw wrong()
  return Array.from({ length: Math.floor((end - first) / by) + 1 }, (_, index) => first + index * by)
}

function value(text: string, { least, most, names }: Field): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  if (named >= 0) return least + named
  if (!/^\d{1,2}$/.test(text)) return undefined
  const number = Number(text)
  return number >= least && number <= most ? number : undefined
}

const sorted = (numbers: number[]) => [...new Set(numbers)].sort((a, b) => a - b)

/** The same times as expressions whose two days have to match both, as Temporal reads them. */
export function conjunctive({ minutes, hours, daysOfMonth, months, daysOfWeek, eitherDay }: Cron): string[] {
  const write = (days: number[] | '*', weekdays: number[] | '*') =>
    [minutes, hours, days, months, weekdays].map((field) => (field === '*' ? field : field.join(','))).join(' ')
  return eitherDay ? [write(daysOfMonth, '*'), write('*', daysOfWeek)] : [write(daysOfMonth, daysOfWeek)]
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const weekMs = 7 * dayMs
/** The 29th of February may be eight years away. */
const horizonMs = 9 * 366 * dayMs
/** Clocks are changed by less, but for a zone that goes to the other side of the date line. */
const around = 3 * hourMs

/**
 * The times behind an instant, in milliseconds since 1970, until there is none within nine years of the one before.
 * @throws RangeError for a zone that is not known
 */
export function* cronTimes(cron: Cron, timezone: string, after: number): Generator<number> {
  let last = after
  for (const { midnight, times } of cronDays(cron, timezone, after)) {
    for (const time of times) {
      if (time > after) yield time
    }
    if (times.length > 0) last = midnight
    if (midnight > last + horizonMs) return
  }
}

/**
 * The times between two instants that clocks show twice, because they are set back.
 * @param behindMs how long after these, and after clocks are set forward, times are given, too. @default 0
 */
export function repeatedTimes(cron: Cron, timezone: string, after: number, until: number, behindMs = 0): number[] {
  const repeated: number[] = []
  for (const { at, before, behind } of clockChanges(timezone, after, until)) {
    const setBack = Math.max(0, before - behind)
    for (let time = at - setBack; time < at + setBack + behindMs; time += minuteMs) {
      if (time > after && shows(cron, time + (time < at ? before : behind))) repeated.push(time)
    }
  }
  return repeated
}

/** The times between two instants on days without a midnight, because clocks are set forward at it. */
export function timesWithoutMidnight(cron: Cron, timezone: string, after: number, until: number): number[] {
  const times: number[] = []
  for (const { at, before, behind } of clockChanges(timezone, after, until)) {
    const midnight = Math.ceil((at + before) / dayMs) * dayMs
    if (midnight >= at + behind) continue
    for (let time = at; time + behind < midnight + dayMs; time += minuteMs) {
      if (time > after && shows(cron, time + behind)) times.push(time)
    }
  }
  return times
}

interface ClockChange {
  /** The first instant at which clocks show the other time. */
  at: number
  /** By how much they are ahead of UTC until then. */
  before: number
  /** And from then on. */
  behind: number
}

/** Those between two instants, and of the day before: its times may lie behind the first of them. */
function* clockChanges(timezone: string, after: number, until: number): Generator<ClockChange> {
  const offsetAt = offsetsOf(timezone)
  const first = after - dayMs
  let behind = offsetAt(first)
  for (let from = first; from < until; from += weekMs) {
    const before = behind
    behind = offsetAt(from + weekMs)
    if (before === behind) continue
    yield { at: firstMinute(from, from + weekMs, (minute) => offsetAt(minute) !== before), before, behind }
  }
}

/** The first minute between two instants from which on something is so that is not so at the first of them. */
function firstMinute(from: number, until: number, isSo: (minute: number) => boolean): number {
  let [before, after] = [Math.floor(from / minuteMs), Math.ceil(until / minuteMs)]
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2)
    if (isSo(middle * minuteMs)) after = middle
    else before = middle
  }
  return after * minuteMs
}

interface CronDay {
  /** The day's midnight, as if it were one in UTC. */
  midnight: number
  /** In their order; none on a day that does not match. */
  times: number[]
}

/** The days of a zone, from that of an instant on, without end. */
function* cronDays(cron: Cron, timezone: string, from: number): Generator<CronDay> {
  const offsetAt = offsetsOf(timezone)
  const today = Math.floor((from + offsetAt(from)) / dayMs)
  for (let midnight = (today - 1) * dayMs; ; midnight += dayMs) {
    if (!isDay(cron, new Date(midnight))) {
      yield { midnight, times: [] }
      continue
    }
    const clocks = cron.hours.flatMap((hours) =>
      cron.minutes.map((minutes) => midnight + hours * hourMs + minutes * minuteMs),
    )
    // The day as it would be if clocks were not changed meanwhile, and some hours around it.
    const before = offsetAt(midnight - offsetAt(midnight) - around)
    const behind = offsetAt(midnight + dayMs - offsetAt(midnight + dayMs) + around)
    const times =
      before === behind
        ? clocks.map((clock) => clock - before)
        : clocks.flatMap((clock) => [clock - before, clock - behind].filter((time) => time + offsetAt(time) === clock))
    yield { midnight, times: sorted(times) }
  }
}

/** Whether the clocks of a zone show one of its times at an instant. */
export const isCronTime = (cron: Cron, timezone: string, instant: number): boolean =>
  shows(cron, instant + offsetsOf(timezone)(instant))

/** @param clock what clocks show, as if it were in UTC */
function shows(cron: Cron, clock: number): boolean {
  const shown = new Date(clock)
  return isDay(cron, shown) && cron.hours.includes(shown.getUTCHours()) && cron.minutes.includes(shown.getUTCMinutes())
}

function isDay({ months, daysOfMonth, daysOfWeek, eitherDay }: Cron, date: Date): boolean {
  if (!months.includes(date.getUTCMonth() + 1)) return false
  const ofMonth = daysOfMonth.includes(date.getUTCDate())
  const ofWeek = daysOfWeek.includes(date.getUTCDay())
  return eitherDay ? ofMonth || ofWeek : ofMonth && ofWeek
}

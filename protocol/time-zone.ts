/** Time zones and what their clocks show. */
import { z } from 'zod'

/** By its name in the database of the IANA. An offset is none: what it is at a time is not said by it. */
export const timezone = z.string().max(100).refine(isTimezone, 'must be an IANA time zone such as Europe/Oslo')

function isTimezone(name: string): boolean {
  if (!/^[a-z]/i.test(name)) return false
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }))
  } catch {
    return false
  }
}

/** By how much the clocks of a zone are ahead of UTC at an instant; all in milliseconds. */
export type OffsetAt = (instant: number) => number

/** @throws RangeError for a zone that is not known */
export function offsetsOf(name: string): OffsetAt {
  const format = new Intl.DateTimeFormat('en', {
    timeZone: name,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return (instant) => {
    const shown: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(instant)) shown[type] = Number(value)
    const { year, month, day, hour, minute, second } = shown
    return Date.UTC(year!, month! - 1, day, hour, minute, second) - Math.floor(instant / 1000) * 1000
  }
}

import type { temporal } from '@temporalio/proto'

type HistoryEvent = temporal.api.history.v1.IHistoryEvent
type Long = HistoryEvent['eventId']

/** `Number` would write the protocol's 64-bit numbers down as texts and read those. */
export const toNumber = (value: Long): number =>
  typeof value === 'object' && value !== null ? value.toNumber() : Number(value ?? 0)

/** When an event was, milliseconds since 1970 with a fraction. */
export const millisOf = ({ eventTime }: HistoryEvent): number =>
  toNumber(eventTime?.seconds) * 1000 + (eventTime?.nanos ?? 0) / 1e6

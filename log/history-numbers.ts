import type { temporal } from '@temporalio/proto'

type HistoryEvent = temporal.api.history.v1.IHistoryEvent

/** `Number` would write the protocol's 64-bit numbers down as texts and read those. */
export const toNumber = (value: HistoryEvent['eventId']): number =>
  typeof value === 'object' && value !== null ? value.toNumber() : Number(value ?? 0)

/** A time of the server's in whole milliseconds since 1970: the one that it lies in, not the nearest. */
export const millisOf = (time: HistoryEvent['eventTime']): number =>
  toNumber(time?.seconds) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6)

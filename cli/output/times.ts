const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** How long ago something was, as `3m ago`; `in 3m` for what is to come. */
export function relative(time: string | null | undefined, now = Date.now()): string {
  if (!time) return ''
  const distance = now - Date.parse(time)
  const [unit, length] = units.find(([, length]) => Math.abs(distance) >= length) ?? ['s', 1000]
  const count = Math.floor(Math.abs(distance) / length)
  if (count === 0) return 'now'
  return distance < 0 ? `in ${count}${unit}` : `${count}${unit} ago`
}

/** A size as people read it. */
export function bytes(count: number): string {
  const names = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = Math.min(names.length - 1, Math.floor(Math.log10(Math.max(count, 1)) / 3))
  const value = count / 1000 ** power
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${names[power]}`
}

/** A cron schedule, with its time zone where that is not UTC. */
export const cronText = ({ expression, timezone }: { expression: string; timezone: string }): string =>
  `${expression}${timezone === 'UTC' ? '' : ` ${timezone}`}`

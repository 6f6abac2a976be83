/** What a series of values comes to. */
export interface Summary {
  count: number
  median: number
  p95: number
}

/** @param high the share that lies below what is called `p95` @default 0.95 */
export function summarize(values: number[], high = 0.95): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { count: values.length, median: at(0.5), p95: at(high) }
}

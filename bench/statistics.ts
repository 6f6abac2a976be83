/** What a series of milliseconds comes to. */
export interface Summary {
  count: number
  median: number
  p95: number
}

export function summarize(values: number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { count: values.length, median: at(0.5), p95: at(0.95) }
}

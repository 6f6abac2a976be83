const everyMs = 10_000

/** Says what is being done, how long it has been at it every ten seconds, and when it is done. */
export async function withProgress<T>(
  title: string,
  report: (line: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const began = performance.now()
  const seconds = () => Math.round((performance.now() - began) / 1000)
  report(title)
  const timer = setInterval(() => report(`  ... ${seconds()} s`), everyMs)
  try {
    const result = await work()
    report(`  done in ${seconds()} s`)
    return result
  } finally {
    clearInterval(timer)
  }
}

/** What runs until it is told to stop. */
export interface Running {
  stop(): Promise<void>
  /** Ends every process at once. */
  kill(): void
}

/**
 * Listens for Ctrl-C and SIGTERM: the first one stops in order, a second one at once.
 * @returns `started` takes what is to be stopped; `stopped` is the exit code when it has
 */
export function untilTold(log: (line: string) => void) {
  let running: Running | undefined
  let asked = 0
  const stopped = Promise.withResolvers<number>()
  const stop = () => {
    asked++
    // Before everything is up there is nothing to finish: the children go with this process.
    if (!running || asked > 1) {
      running?.kill()
      process.exit(130)
    }
    log('stopping; once more to stop at once')
    running.stop().then(() => stopped.resolve(0), stopped.reject)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  return {
    async started<T extends Running>(start: () => Promise<T>): Promise<T> {
      const up = await start()
      running = up
      return up
    },
    stopped: stopped.promise,
  }
}

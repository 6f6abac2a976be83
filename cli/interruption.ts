import { Interrupted } from './failure.ts'

let controller: AbortController | undefined

/**
 * Aborts when somebody presses Ctrl-C or asks the process to end. A second time ends it at once. From the first call on
 * a signal no longer kills: what is under way is to end by this.
 */
export function interruption(): AbortSignal {
  if (!controller) {
    const interrupting = new AbortController()
    controller = interrupting
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (interrupting.signal.aborted) process.exit(130)
        interrupting.abort(new Interrupted())
      })
    }
  }
  return controller.signal
}

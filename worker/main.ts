/**
 * A worker process. Its supervisor forks it, tells it what to do by the environment, hears from it over IPC and replaces
 * it when it dies. Without its supervisor it ends: there must be nobody who works unseen.
 */
import { DefaultLogger, Runtime } from '@temporalio/worker'
import { stopBegun } from '../activities/cancellation.ts'
import type { SupervisorMessage, WorkerConfig, WorkerMessage } from './config-of-worker.ts'
import { prepareWorker } from './run-worker.ts'

const config: WorkerConfig = JSON.parse(process.env.HOLDFAST_WORKER_CONFIG ?? 'null')
if (!config || !process.send)
  throw new Error('this program is started by its supervisor: use `holdfast worker` or `holdfast dev`')
process.title = 'holdfast worker'

Runtime.install({
  logger: new DefaultLogger('WARN'),
  // Signals are handled here, so that a second one does not cut the grace time short.
  shutdownSignals: [],
  telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
})

const say = (message: WorkerMessage) => {
  if (process.connected) process.send!(message, () => {})
}
const stop = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort())
process.on('disconnect', () => process.exit(1))

const previewed = new Set<string>()
const called = Promise.withResolvers<void>()
process.on('message', (message: SupervisorMessage) => {
  if (message.type === 'work') return called.resolve()
  if (message.type === 'ask') return say({ type: 'here' })
  if (message.type === 'interrupted') return stopBegun(message.sessionId, message.sentAt)
  for (const sessionId of message.sessionIds) {
    if (message.areWanted) previewed.add(sessionId)
    else previewed.delete(sessionId)
  }
})

const worker = await prepareWorker(config, { say, previewed })
if (process.env.HOLDFAST_WORKER_STANDBY) {
  stop.signal.addEventListener('abort', () => process.exit(0))
  say({ type: 'standby' })
  await called.promise
}
await worker.run(stop.signal)
process.exit(0)

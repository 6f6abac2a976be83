/** A user's worker in a process of its own. Argument: where Temporal is. */
import { startUsersWorker } from './users-worker.ts'

process.on('disconnect', () => process.exit(0))
const { temporal, taskQueue } = JSON.parse(process.argv[2]!)
await startUsersWorker(temporal, 'recovering-pipelines.ts', taskQueue)
process.send?.('ready')

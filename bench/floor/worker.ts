/** The floor's worker, a process of its own as the product's. Arguments: address, task queue, bundle. */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'

const [address = '', taskQueue = '', codePath = ''] = process.argv.slice(2)
Runtime.install({
  logger: new DefaultLogger('WARN'),
  telemetryOptions: { logging: { forward: {}, filter: 'ERROR' } },
})
const connection = await NativeConnection.connect({ address })
const worker = await Worker.create({
  connection,
  taskQueue,
  workflowBundle: { codePath },
  activities: { step: async (bytes: number) => 'x'.repeat(bytes) },
})
process.on('disconnect', () => process.exit(0))
const running = worker.run()
process.send?.('ready')
await running

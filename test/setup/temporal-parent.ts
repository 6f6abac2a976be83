/** A process that starts a Temporal server on the folder of its first argument, says its id, and waits to be killed. */
import { resolveBinary } from '../../worker/temporal-server/resolve-binary.ts'
import { startTemporal } from '../../worker/temporal-server/start.ts'

const { path: binary } = await resolveBinary()
const server = await startTemporal({ dataDir: process.argv[2]!, binary, headless: true })
console.log(server.pid)
await server.exited

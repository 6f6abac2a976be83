/** A worker of the user's in a process of its own. Argument: where the host is. */
import path from 'node:path'
import { Holdfast, toolset } from '../../index.ts'
import { openBlobs } from '../../store/open-blobs.ts'
import { openRecords } from '../../store/open-records.ts'
import { openSecrets } from '../../store/secrets.ts'
import { createToolWorker } from '../../worker/index.ts'
import { start } from '../log/samples.ts'
import { killable } from './killable-tools.ts'

const { address, namespace, taskQueue, dataDir } = JSON.parse(process.argv[2]!)
process.on('disconnect', () => process.exit(0))
const holdfast = await Holdfast.connect({
  connection: { address },
  namespace,
  taskQueue: 'holdfast',
  records: await openRecords({ url: `sqlite:${path.join(dataDir, 'records.db')}` }),
  blobs: await openBlobs({ directory: path.join(dataDir, 'blobs') }),
  settings: start().settings,
  secrets: await openSecrets({ dataDir }),
})
const worker = await createToolWorker(holdfast, toolset(killable(), { taskQueue }))
await worker.run()

import path from 'node:path'
import { Holdfast } from '../../index.ts'
import { openBlobs } from '../../store/open-blobs.ts'
import { openRecords } from '../../store/open-records.ts'
import { openSecrets } from '../../store/secrets.ts'
import type { TestHost } from './host.ts'

/** Another Holdfast over a host's stores and Temporal, for a test that closes it. */
export async function ownHoldfast({ temporal, dataDir, holdfast }: TestHost): Promise<Holdfast> {
  return Holdfast.connect({
    connection: { address: temporal.address },
    namespace: temporal.namespace,
    taskQueue: 'holdfast',
    records: await openRecords({ url: `sqlite:${path.join(dataDir, 'records.db')}` }),
    blobs: await openBlobs({ directory: path.join(dataDir, 'blobs') }),
    settings: holdfast.runtime.settings,
    secrets: await openSecrets({ dataDir }),
  })
}

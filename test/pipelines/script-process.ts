/** A script of the user's in a process of its own, which says how far it is. Argument: where the host is. */
import path from 'node:path'
import { z } from 'zod'
import { Holdfast } from '../../index.ts'
import { openBlobs } from '../../store/open-blobs.ts'
import { openRecords } from '../../store/open-records.ts'
import { openSecrets } from '../../store/secrets.ts'

const { address, namespace, dataDir, agent, environment, settings, key } = JSON.parse(process.argv[2]!)
process.on('disconnect', () => process.exit(0))
await using holdfast = await Holdfast.connect({
  connection: { address },
  namespace,
  taskQueue: 'holdfast',
  records: await openRecords({ url: `sqlite:${path.join(dataDir, 'records.db')}` }),
  blobs: await openBlobs({ directory: path.join(dataDir, 'blobs') }),
  settings,
  secrets: await openSecrets({ dataDir }),
})
const say = (step: string, content?: unknown) => process.send!({ step, content })

say('creating')
const { id } = await holdfast.sessions.create({ agent, environment_id: environment }, { idempotencyKey: key })
const session = holdfast.session(id)
say('created')
await session.send('#bash echo one >> runs; cat runs\n#say {{last}}', { idempotencyKey: 'first' })
say('sent')
const first = await session.run('#bash echo one >> runs; cat runs\n#say {{last}}', { idempotencyKey: 'first' })
say('answered')
const total = z.object({ total: z.number() })
const asking = session.run('#say {"total": 42}', { output: total, idempotencyKey: 'second' })
say('asking')
const second = await asking
say('done', { id, first, second })
process.disconnect()

/** A process of its own on shared records. Usage: records-process.ts URL increment|insert AGENT */
import { openRecords } from '../../store/open-records.ts'
import { anAgent, nextVersion } from './samples.ts'

const [url, task, id] = process.argv.slice(2)
const records = await openRecords({ url: url! })

if (task === 'increment') {
  for (let done = 0; done < 10; ) {
    const agent = (await records.agents.get(id!))!
    if (await records.agents.update(nextVersion(agent), agent.version)) done++
  }
  await records.close()
} else {
  for (;;) {
    const agent = anAgent()
    await records.agents.insert(agent)
    process.stdout.write(`${agent.id}\n`)
    // Lets the line out before the next row.
    await new Promise(setImmediate)
  }
}

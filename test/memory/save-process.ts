/** Saves a session's memory folders, as a worker does after a tool call. Arguments: records, folders, session. */
import { SessionMemory } from '../../activities/memory/session-memory.ts'
import { openRecords } from '../../store/open-records.ts'

const [url = '', directory = '', sessionId = ''] = process.argv.slice(2)
const records = await openRecords({ url })
const session = await records.sessions.get(sessionId)
await new SessionMemory({ directory, records }).save(session!)
await records.close()

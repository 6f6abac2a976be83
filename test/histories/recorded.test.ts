import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js'
import { Worker } from '@temporalio/worker'
import { describe, expect, it } from 'vitest'
import { HoldfastCodec } from '../../log/payload-codec.ts'
import { memoryBlobs } from '../log/memory-blobs.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'
import { eventsOf, type Recorded } from './recorded.ts'

const codec = new HoldfastCodec({ blobs: memoryBlobs() })
const versions = readdirSync(import.meta.dirname, { withFileTypes: true }).filter((entry) => entry.isDirectory())

describe.each(versions.map(({ name }) => name))('a history that version %s left', (version) => {
  const directory = path.join(import.meta.dirname, version)

  it.each(readdirSync(directory))('replays, and shows the same events as then: %s', async (file) => {
    const recorded: Recorded = JSON.parse(gunzipSync(readFileSync(path.join(directory, file))).toString())
    const history = historyFromJSON(recorded.history)
    const dataConverter = { payloadCodecs: [codec] }
    const options = { ...testWorkflows(), dataConverter }
    await expect(Worker.runReplayHistory(options, history, recorded.workflowId)).resolves.toBeUndefined()
    expect(JSON.parse(JSON.stringify(await eventsOf(history, codec)))).toEqual(recorded.events)
  })
})

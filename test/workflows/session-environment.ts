import { TestWorkflowEnvironment } from '@temporalio/testing'
import { afterAll, beforeAll } from 'vitest'
import { connectForReading } from '../../client/connection.ts'
import { HoldfastCodec } from '../../log/payload-codec.ts'
import { SessionLogs } from '../../log/session-logs.ts'
import type { ModelStep } from '../../protocol/contract.ts'
import type { SessionEvent } from '../../protocol/events.ts'
import { memoryBlobs } from '../log/memory-blobs.ts'
import { start } from '../log/samples.ts'
import { ownNamespace } from '../support/temporal.ts'

export interface SessionEnvironment {
  environment: TestWorkflowEnvironment
  logs: SessionLogs
}

/** For a file of tests: Temporal, and the logs of the sessions in it; there once the tests begin. */
export function useSessionEnvironment(): SessionEnvironment {
  const used = {} as SessionEnvironment
  beforeAll(async () => {
    const { address, namespace } = await ownNamespace()
    used.environment = await TestWorkflowEnvironment.createFromExistingServer({ address, namespace })
    const connection = await connectForReading({ address })
    const codec = new HoldfastCodec({ blobs: memoryBlobs() })
    used.logs = new SessionLogs({ connection, namespace, codec }, memoryBlobs())
  })
  afterAll(async () => {
    await used.logs?.close()
    await used.environment?.teardown()
  })
  return used
}

export const usage = { input_tokens: 1, output_tokens: 1, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 }

/** A reply that ends the turn. */
export const said: ModelStep = {
  model: 'm',
  content: [{ type: 'text', text: 'done' }],
  stop_reason: 'end_turn',
  usage,
  tools: [],
}

/** What a session is started with whose activities may take their time. */
export function patientStart() {
  const input = start()
  const settings = { ...input.settings, modelTimeoutMs: 60_000, toolTimeoutMs: 60_000, heartbeatTimeoutMs: 60_000 }
  return { ...input, settings }
}

/** What the log of a session shows. */
export async function eventsOf(logs: SessionLogs, sessionId: string): Promise<SessionEvent[]> {
  const all: SessionEvent[] = []
  for await (const { event } of logs.get(sessionId).list({ order: 'asc' })) all.push(event)
  return all
}

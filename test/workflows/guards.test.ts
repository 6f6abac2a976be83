import { randomUUID } from 'node:crypto'
import { ApplicationFailure } from '@temporalio/common'
import { Worker } from '@temporalio/worker'
import { describe, expect, it } from 'vitest'
import {
  type CallModelInput,
  MODEL_FAILURE,
  type ModelStep,
  type SessionStart,
  type ToolResult,
} from '../../protocol/contract.ts'
import type { SessionEvent } from '../../protocol/events.ts'
import { newId } from '../../protocol/ids.ts'
import { RecordsUnavailable } from '../../store/records-unavailable.ts'
import { message, start } from '../log/samples.ts'
import { testWorkflows } from '../support/workflow-bundle.ts'
import { said, usage, useSessionEnvironment } from './session-environment.ts'

const reply = (text: string): ModelStep => ({ ...said, content: [{ type: 'text', text }] })

const used = useSessionEnvironment()

/** Runs a session whose activities are these. */
async function withSession(
  activities: Record<string, (...args: never[]) => Promise<unknown>>,
  settings: Partial<SessionStart['settings']>,
  use: (session: {
    say: (text: string) => Promise<void>
    interrupt: () => Promise<void>
    events: () => Promise<SessionEvent[]>
    run: () => Promise<number>
  }) => Promise<void>,
) {
  const taskQueue = randomUUID()
  const { client, nativeConnection } = used.environment
  const worker = await Worker.create({
    connection: nativeConnection,
    namespace: client.options.namespace,
    taskQueue,
    ...testWorkflows(),
    activities,
  })
  const workflowId = newId('session')
  await worker.runUntil(async () => {
    const input = start()
    const handle = await client.workflow.start('session', {
      taskQueue,
      workflowId,
      args: [
        {
          ...input,
          settings: {
            ...input.settings,
            modelTimeoutMs: 60_000,
            toolTimeoutMs: 60_000,
            heartbeatTimeoutMs: 60_000,
            ...settings,
          },
        },
      ],
    })
    const log = used.logs.get(workflowId)
    const events = async () => {
      const all: SessionEvent[] = []
      for await (const { event } of log.list({ order: 'asc' })) all.push(event)
      return all
    }
    await use({
      say: (text) => handle.signal('deliver', { events: [message(newId('event'), text)] }),
      interrupt: () => handle.signal('deliver', { events: [{ id: newId('event'), type: 'user.interrupt' }] }),
      events,
      run: async () => (await log.newest()).run,
    })
    await handle.terminate()
  })
}

/** The machine may be busy with other tests. */
const patience = { timeout: 20_000 }

const typesOf = (events: SessionEvent[]) => events.map((event) => event.type)

describe("an error thrown by the session's own code", () => {
  it('ends the turn and is shown; the session takes the next message', async () => {
    let broken = true
    const callModel = async () => (broken ? { ...reply('x'), tools: null } : reply('fine'))
    await withSession({ callModel }, {}, async ({ say, events }) => {
      await say('one')
      await expect.poll(async () => typesOf(await events()).at(-1), patience).toBe('session.status_idle')
      const first = await events()
      expect(first.find((event) => event.type === 'session.error')).toMatchObject({
        error: {
          type: 'unknown_error',
          message: expect.stringContaining('own code failed'),
          retry_status: { type: 'exhausted' },
        },
      })
      expect(first.at(-1)).toMatchObject({ stop_reason: { type: 'retries_exhausted' } })
      broken = false
      await say('two')
      await expect
        .poll(async () => typesOf(await events()).filter((type) => type === 'agent.message'), patience)
        .toHaveLength(1)
    })
  })
})

describe('a conversation that no compaction makes short enough', () => {
  it('ends the turn with compaction_limit_reached_error', async () => {
    let compactions = 0
    const callModel = async () => {
      const failure = { error: 'model_request_failed_error', message: 'too long', transient: false, tooLong: true }
      throw ApplicationFailure.create({ type: MODEL_FAILURE, nonRetryable: true, details: [failure] })
    }
    const compact = async () => {
      compactions++
      return { model: 'm', summary: 's', usage, transcriptFrom: 0 }
    }
    await withSession({ callModel, compact }, {}, async ({ say, events }) => {
      await say('one')
      await expect.poll(async () => typesOf(await events()).at(-1), patience).toBe('session.status_idle')
      expect(compactions).toBe(3)
      expect((await events()).find((event) => event.type === 'session.error')).toMatchObject({
        error: { type: 'compaction_limit_reached_error' },
      })
    })
  })
})

describe('a run that cannot be sealed', () => {
  it('goes on, loses nothing, and is sealed later', async () => {
    let attempts = 0
    const sealRun = async () => {
      attempts++
      throw ApplicationFailure.nonRetryable('the blobs are full')
    }
    await withSession({ callModel: async () => reply('fine'), sealRun }, { rollOverEvents: 30 }, async (session) => {
      for (let turn = 1; turn <= 5; turn++) {
        await session.say(`turn ${turn}`)
        await expect
          .poll(async () => typesOf(await session.events()).filter((type) => type === 'session.status_idle'), patience)
          .toHaveLength(turn)
      }
      expect(attempts).toBe(1)
      expect(await session.run()).toBe(0)
      const all = await session.events()
      expect(all.filter((event) => event.type === 'user.message').map((event) => event.content[0])).toEqual(
        [1, 2, 3, 4, 5].map((turn) => ({ type: 'text', text: `turn ${turn}` })),
      )
      expect(new Set(all.map((event) => event.id)).size).toBe(all.length)
    })
  })
})

describe('a database of the records that is away', () => {
  it('has requests and calls made again until it is there, however long that takes', async () => {
    const away = () => new RecordsUnavailable({ cause: new Error('ECONNREFUSED') })
    const bash = { index: 0, kind: 'builtin' as const, permission: 'allow' as const }
    const call = { type: 'tool_use', id: 'toolu_1', name: 'bash', input: {} }
    const asks: ModelStep = { ...said, content: [call], stop_reason: 'tool_use', tools: [bash] }
    const steps = [away(), asks, reply('fine')]
    const callModel = async () => {
      const next = steps.shift()!
      if (next instanceof Error) throw next
      return next
    }
    let calls = 0
    const runTool = async (): Promise<ToolResult> => {
      if (++calls <= 5) throw away()
      return { content: [{ type: 'text', text: 'ran' }], is_error: false, outcome: 'done' }
    }
    await withSession({ callModel, runTool }, {}, async ({ say, events }) => {
      await say('one')
      await expect.poll(async () => typesOf(await events()).at(-1), patience).toBe('session.status_idle')
      const all = await events()
      expect(all.filter(({ type }) => type === 'agent.tool_result')).toMatchObject([{ content: [{ text: 'ran' }] }])
      expect(all.find(({ type }) => type === 'session.error')).toMatchObject({
        error: { message: 'the records cannot be reached', retry_status: { type: 'retrying' } },
      })
      expect(all.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
    })
  })
})

describe('an interrupt when the run is about to be sealed', () => {
  it('ends the turn first', async () => {
    const asked = Promise.withResolvers<void>()
    const stop = Promise.withResolvers<void>()
    const callModel = async () => {
      asked.resolve()
      await stop.promise
      return { ...reply(''), content: [], interrupted: true }
    }
    const atSeal = Promise.withResolvers<string[]>()
    let seen = async (): Promise<SessionEvent[]> => []
    const sealRun = async () => {
      atSeal.resolve(typesOf(await seen()))
      throw ApplicationFailure.nonRetryable('the blobs are full')
    }
    await withSession({ callModel, sealRun }, { rollOverEvents: 10 }, async ({ say, interrupt, events }) => {
      seen = events
      await say('one')
      await asked.promise
      await interrupt()
      stop.resolve()
      expect((await atSeal.promise).at(-1)).toBe('session.status_idle')
    })
  })
})

describe('an interrupt that meets a model request that fails', () => {
  /** A request that waits for `stop`, then fails with what it has cost and what else is known of it. */
  function failing(known: { host?: string } = {}) {
    const asked = Promise.withResolvers<void>()
    const stop = Promise.withResolvers<void>()
    const request = async () => {
      asked.resolve()
      await stop.promise
      const failure = { error: 'model_overloaded_error', message: 'no', transient: true, usage, cost: 2e9, ...known }
      throw ApplicationFailure.create({ type: MODEL_FAILURE, nonRetryable: true, details: [failure] })
    }
    return { request, asked: asked.promise, stop: stop.resolve }
  }
  const accountsOf = (events: SessionEvent[]) => events.filter((event) => event.type === 'session.usage')
  const spent = (requests: number) => ({
    usage: { input_tokens: requests, output_tokens: requests, list_cost: { currency: 'USD', amount: '200' } },
  })

  it('leaves its cost in the accounts, and the container that it began is kept', async () => {
    const { request, asked, stop } = failing({ host: 'the-host' })
    const hosts: (string | undefined)[] = []
    const callModel = ({ host }: CallModelInput) =>
      hosts.push(host) === 1 ? request() : Promise.resolve(reply('fine'))
    await withSession({ callModel }, {}, async ({ say, interrupt, events }) => {
      await say('one')
      await asked
      await interrupt()
      stop()
      await expect.poll(async () => accountsOf(await events())[0], patience).toMatchObject(spent(1))
      await say('two')
      await expect.poll(() => hosts, patience).toEqual([undefined, 'the-host'])
    })
  })

  it('leaves the cost of a compaction there too', async () => {
    const { request: compact, asked, stop } = failing()
    const callModel = async () => ({ ...reply('long'), nearWindow: true })
    await withSession({ callModel, compact }, {}, async ({ say, interrupt, events }) => {
      const accounts = async () => accountsOf(await events())
      await say('one')
      await expect.poll(accounts, patience).toHaveLength(1)
      await say('two')
      await asked
      await interrupt()
      stop()
      await expect.poll(accounts, patience).toHaveLength(2)
      expect((await accounts())[1]).toMatchObject(spent(2))
    })
  })
})

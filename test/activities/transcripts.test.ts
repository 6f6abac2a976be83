import { describe, expect, it } from 'vitest'
import { Transcripts } from '../../activities/transcripts.ts'
import type { Fact } from '../../log/facts.ts'
import { viewOf } from '../../log/run-view.ts'
import type { SessionLogs } from '../../log/session-logs.ts'
import { message, start } from '../log/samples.ts'

const at = '2026-01-01T00:00:00.000Z'
const activity = { activity: 'callModel', activityId: 'step' }
const given: Fact[] = [
  { id: 1, at, kind: 'started', input: start() },
  { id: 2, at, kind: 'delivered', events: [message('hello')] },
  { id: 3, at, kind: 'scheduled', ...activity },
]
const timedOut: Fact = { id: 4, at, kind: 'failed', how: 'timedOut', ...activity }

/**
 * The prompt of the step; `known` is what this process has read, `newer` what the server has besides. With `reset` the
 * session had ended, as far as this process knows, and the server has nothing but that.
 */
async function prompt(given: { known: Fact[]; newer?: Fact[]; reset?: Fact[]; ageMs: number }) {
  const { known, newer = [], reset, ageMs } = given
  const view = viewOf(0, known)
  view.closed = reset !== undefined
  let asked = 0
  const tail = {
    current: view,
    hold: () => () => {},
    catchUp: async () => {
      asked++
      for (const fact of newer) view.append(fact)
      return reset ? viewOf(0, reset) : view
    },
  }
  const logs = { get: () => ({ tail, async *sealedFacts() {} }) } as unknown as SessionLogs
  const place = { run: 0, runId: 'run', transcriptFrom: 0, activityId: 'step', scheduledAt: Date.now() - ageMs }
  const messages = await new Transcripts(logs).messages('sesn_1', place, new AbortController().signal)
  return { messages, asked }
}

describe('the prompt of a step', () => {
  it('is built without asking the server when the attempt is young', async () => {
    expect(await prompt({ known: given, ageMs: 0 })).toMatchObject({ asked: 0 })
  })

  it('is built after a look at the server when the attempt may have been given up', async () => {
    expect(await prompt({ known: given, ageMs: 10_000 })).toMatchObject({ asked: 1 })
  })
})

describe('the prompt of a session that had ended and was reset', () => {
  it('is built from its new log, also where the step has been in the old one', async () => {
    expect(await prompt({ known: [...given, timedOut], reset: given, ageMs: 0 })).toMatchObject({ asked: 1 })
  })
})

describe('an attempt that the server has given up', () => {
  it('gets no prompt: the step is another one’s to ask for', async () => {
    await expect(prompt({ known: [...given, timedOut], ageMs: 0 })).rejects.toThrow('given up')
  })

  it('gets none either when only the server knows, as after this process was frozen', async () => {
    await expect(prompt({ known: given, newer: [timedOut], ageMs: 10_000 })).rejects.toThrow('given up')
  })
})

import type { ApplicationFailure } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, it } from 'vitest'
import { stopBegun } from '../../activities/cancellation.ts'
import { type CompactDependencies, makeCompact } from '../../activities/compact.ts'
import type { ModelProvider } from '../../activities/model/provider.ts'
import { monotonicMs } from '../../log/bus.ts'
import { MODEL_FAILURE, type ModelFailure } from '../../protocol/contract.ts'
import { tokens } from '../log/samples.ts'

/** Everything but the model, for a session in which nothing else happens. */
const around = {
  logs: {
    get: () => ({ tail: { hold: () => () => {}, current: undefined, catchUp: () => new Promise(() => {}) } }),
  },
  records: {
    sessions: {
      configuration: async () => ({
        model: { id: 'claude-opus-5', effort: { type: 'high' }, speed: 'standard' },
        tools: [],
        skills: [],
      }),
      get: async () => ({ environmentId: 'env_1', resources: [], vaultIds: [] }),
    },
    environments: { get: async () => undefined },
    skills: {},
  },
  transcripts: {
    toCompact: async () => ({ messages: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }] }),
  },
  mcp: { catalog: async () => ({ tools: new Map(), failures: [] }) },
  web: { names: new Set() },
}

/** What the activity fails with when it is interrupted after this much of the reply. */
async function interruptedAfter(begin: (onUsage: (usage: typeof tokens) => void) => void): Promise<unknown> {
  const environment = new MockActivityEnvironment()
  const model: ModelProvider = {
    async request(_request, { signal, onUsage }) {
      begin(onUsage!)
      stopBegun(environment.context.info.workflowExecution!.workflowId, monotonicMs())
      throw signal.reason
    },
  }
  const compact = makeCompact({ ...around, model } as unknown as CompactDependencies)
  return environment.run(compact, { run: 0, revision: 1, transcriptFrom: 0 }).catch((error: unknown) => error)
}

describe('a summary that is interrupted while it is written', () => {
  it('has its cost, as far as that is known', async () => {
    const error = (await interruptedAfter((onUsage) => onUsage(tokens))) as ApplicationFailure
    expect(error.type).toBe(MODEL_FAILURE)
    const [failure] = error.details as [ModelFailure]
    expect(failure).toMatchObject({ transient: true, usage: tokens, cost: expect.any(Number) })
  })

  it('costs nothing before the reply has begun', async () => {
    expect(await interruptedAfter(() => {})).toMatchObject({ message: 'interrupted' })
  })
})

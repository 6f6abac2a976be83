import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, listed, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host?.remove())

const killWorker = () => process.kill(host.workerPids[0]!, 'SIGKILL')

describe('a worker killed in the middle of a tool call', () => {
  it('leaves the command running: it runs once, its output is whole, the turn goes on', async () => {
    const session = await newSession(host)
    const script =
      '#bash echo begun | tee -a runs; for i in 1 2 3 4; do sleep 0.3; echo part $i; done\n#bash cat runs\n#say {{last}}'
    const events = await converse(host.client, session.id, script, {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use' || !JSON.stringify(event.input).includes('part')) return
        await expect
          .poll(() => host.holdfast.runtime.logs.get(session.id).tail.current?.facts.at(-1)?.kind)
          .toBe('scheduled')
        await runs(session.id)
        killWorker()
      },
    })
    const results = events.filter((event) => event.type === 'agent.tool_result')
    expect(results.map((event) => event.is_error)).toEqual([false, false])
    expect(JSON.stringify(results[0]!.content)).toContain('begun\\npart 1\\npart 2\\npart 3\\npart 4')
    expect(lastText(events)).toMatch(/begun$/)
    expect(typesOf(events)).toContain('session.status_rescheduled')
    expect(await listed(host.client, session.id)).toEqual(
      events.filter((event) => event.type !== 'user.message' || event.processed_at !== null),
    )
  })

  /** Waits until the command has begun: its mark is in the container's workspace. */
  async function runs(sessionId: string) {
    const { containersRoot } = await import('../../activities/container/keeper/session-folder.ts')
    const { readFile } = await import('node:fs/promises')
    const mark = `${await containersRoot(host.dataDir)}/${sessionId}/workspace/runs`
    await expect.poll(() => readFile(mark, 'utf8').catch(() => ''), { timeout: 10_000 }).toBe('begun\n')
  }
})

describe('a worker killed in the middle of a model request', () => {
  it('costs one more request; nothing is said twice and the next request is valid', async () => {
    const session = await newSession(host)
    let killed = false
    const events = await converse(host.client, session.id, '#slow 30\n#long 300', {
      deltas: ['agent.message'],
      onEvent: (event) => {
        if (event.type !== 'event_delta' || killed) return
        killed = true
        killWorker()
      },
    })
    expect(events.filter((event) => event.type === 'agent.message')).toHaveLength(1)
    expect(events.filter((event) => event.type === 'span.model_request_end').map((event) => event.is_error)).toEqual([
      true,
      false,
    ])
    expect(typesOf(events)).toContain('session.status_rescheduled')
    expect(lastText(await converse(host.client, session.id, '#say next'))).toContain('next')
    expect(host.model.requests.filter((request) => request.refused)).toEqual([])
  })
})

describe('a worker killed while the session is idle', () => {
  it('is not noticed by the next turn', async () => {
    const session = await newSession(host)
    await converse(host.client, session.id, '#bash export KEPT=yes\n#say ok')
    killWorker()
    expect(lastText(await converse(host.client, session.id, '#bash echo $KEPT\n#say {{last}}'))).toContain('yes')
  })
})

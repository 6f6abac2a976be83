import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SessionWorkflow } from '../../client/session-workflow.ts'
import { converse, lastText, listed, newSession, typesOf } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { type Postgres, password, startPostgres } from '../support/postgres.ts'

let postgres: Postgres
let host: TestHost
beforeAll(async () => {
  postgres = await startPostgres()
  host = await startTestHost({ config: { records: { url: await postgres.url(), connections: 5 } } })
})
afterAll(async () => {
  await host?.remove()
  await postgres?.[Symbol.asyncDispose]()
})

describe('a Holdfast on PostgreSQL', () => {
  it('has a session run a tool, and offers what it left', async () => {
    const session = await newSession(host)
    const events = await converse(
      host.client,
      session.id,
      '#bash echo kept | tee /mnt/session/outputs/a.txt\n#say {{last}}',
    )
    expect(lastText(events)).toContain('kept')
    // Its further calls go to this host alone: other machines may have the same records.
    const { host: queue } = (await new SessionWorkflow(host.holdfast.runtime, session.id).state())!
    expect(queue).toMatch(/^holdfast@/)
    const { data } = await host.client.beta.files.list({ scope_id: session.id })
    expect(data.map(({ filename }) => filename)).toEqual(['a.txt'])
    expect(await (await host.client.beta.files.download(data[0]!.id)).text()).toBe('kept\n')
    await host.client.beta.sessions.update(session.id, { title: 'changed' })
    const { data: sessions } = await host.client.beta.sessions.list()
    expect(sessions.find(({ id }) => id === session.id)).toMatchObject({ title: 'changed', status: 'idle' })
  })

  it('takes an id that cannot be stored for a bad request', async () => {
    await expect(host.client.beta.agents.retrieve('agent_\0')).rejects.toBeInstanceOf(Anthropic.BadRequestError)
  })
})

describe('the database killed', () => {
  it('under a tool call: requests get a 503 meanwhile, the command runs once, and the turn ends when it is back', async () => {
    const session = await newSession(host)
    let refused: unknown
    const events = await converse(host.client, session.id, '#bash echo x >> runs; cat runs\n#say {{last}}', {
      onEvent: async (event) => {
        if (event.type !== 'agent.tool_use' || refused) return
        await postgres.kill()
        refused = await host.client.beta.agents.create({ name: 'a', model: 'claude-opus-5' }).catch((error) => error)
        await postgres.start()
      },
    })
    expect(refused).toMatchObject({ status: 503, error: { error: { details: { error_code: 'records_unavailable' } } } })
    expect(lastText(events)).toMatch(/ x$/)
    expect(typesOf(await listed(host.client, session.id)).filter((type) => type === 'agent.tool_result')).toHaveLength(
      1,
    )
    const { data } = await host.client.beta.agents.list()
    expect(data.map(({ name }) => name)).toEqual(['Tester'])
  })

  it('right after something was created: it is there', async () => {
    const { id } = await host.client.beta.agents.create({ name: 'kept', model: 'claude-opus-5' })
    await postgres.kill()
    await postgres.start()
    expect((await host.client.beta.agents.retrieve(id)).name).toBe('kept')
  })

  it('puts its password into no line', () => {
    expect(host.lines.join('\n')).not.toContain(password)
  })
})

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorEnvelope } from '../../server/openapi/objects/common.ts'
import type { Operation } from '../../server/openapi/operation.ts'
import { operations } from '../../server/openapi/operations/all.ts'
import { listed, newSession } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'
import { belongings } from './belongings.ts'
import { type FuzzRequest, requestsOf } from './requests.ts'
import { type FuzzAnswer, send, withIds } from './send.ts'
import type { Kind } from './values.ts'

/** Give HOLDFAST_FUZZ_SEED for other requests, HOLDFAST_FUZZ_RUNS for more of them (for each operation). */
const seed = Number(process.env.HOLDFAST_FUZZ_SEED ?? 20261121)
const numRuns = Number(process.env.HOLDFAST_FUZZ_RUNS ?? 100)

let host: TestHost
let ids: Record<Kind, string>
/** Objects that accepted requests made or changed. */
const touched = new Set<string>()

beforeAll(async () => {
  console.log(`fuzz: HOLDFAST_FUZZ_SEED=${seed} HOLDFAST_FUZZ_RUNS=${numRuns}`)
  host = await startTestHost()
})
afterAll(() => host?.remove())

/** Objects for the requests of one operation to be about. */
async function freshIds(): Promise<Record<Kind, string>> {
  const { client } = host
  const agent = await client.beta.agents.create({ name: 'target', model: 'claude-opus-5' })
  const environment = await client.beta.environments.create({ name: 'target' })
  const file = await client.beta.files.upload({ file: new File(['hello'], 'target.txt') })
  const memoryStore = await client.beta.memoryStores.create({ name: 'target' })
  const vault = await client.beta.vaults.create({ display_name: 'target' })
  const text = '---\nname: target\ndescription: d\n---\n'
  const skill = await client.beta.skills.create({ files: [new File([text], 'target/SKILL.md')] })
  const session = await newSession(host)
  const { data } = await client.beta.sessions.events.send(session.id, { events: [{ type: 'user.interrupt' }] })
  // From now on the session changes only when it is asked to.
  await until(async () => (await listed(client, session.id)).at(-1)?.processed_at)
  return {
    agent: agent.id,
    environment: environment.id,
    file: file.id,
    memoryStore: memoryStore.id,
    skill: skill.id,
    vault: vault.id,
    session: session.id,
    event: data![0]!.id,
    resource: 'sesrsc_0000000000000000000001',
  }
}

/** What must hold of every answer, whatever was asked. */
function check(operation: Operation, request: FuzzRequest, answer: FuzzAnswer): void {
  const { status, headers, text } = answer
  expect(status, text).toBeLessThan(500)
  expect(headers['request-id']).toMatch(/^req_[0-9A-Za-z]+$/)
  if (request.method === 'HEAD') return
  if (status >= 400) {
    const body = errorEnvelope.parse(JSON.parse(text))
    expect(body.request_id).toBe(headers['request-id'])
    expect(body.error.message).not.toBe('')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    return
  }
  const asked = request.path.split('?')[0]!.replace(/\/+$/, '')
  const isLegacy = request.headers['anthropic-beta']?.match(/files-api|skills-2025/)
  if (request.method !== operation.method || isLegacy) return
  if (asked.split('/').length !== operation.path.split('/').length || operation.answer.kind !== 'json') return
  operation.answer.schema.parse(JSON.parse(text))
}

/** Takes down what an accepted request may have changed: what it names, and what it made. */
function note(request: FuzzRequest, answer: FuzzAnswer | undefined): void {
  const accepted = answer === undefined || answer.status < 400
  if (!accepted || request.method === 'GET' || request.method === 'HEAD') return
  for (const id of Object.values(ids)) if (request.path.includes(id)) touched.add(id)
  const made = /"id":"([a-z]+_[0-9A-Za-z]+)"/.exec(answer?.text ?? '')?.[1]
  if (made) touched.add(made)
}

describe('whatever is asked', () => {
  it.each(operations.map((operation) => [operation.id, operation] as const))(
    'of %s is answered in the forms of the API, and changes nothing when it is refused',
    async (_id, operation) => {
      ids = await freshIds()
      const before = await belongings(host.client)
      const property = fc.asyncProperty(requestsOf(operation), async (template) => {
        const request = withIds(template, ids)
        const answer = await send(host.url, request)
        note(request, answer)
        if (answer) check(operation, request, answer)
      })
      await fc.assert(property, { seed, numRuns, endOnFailure: false })
      const after = await belongings(host.client)
      const untouched = ([id]: [string, string]) => !touched.has(id)
      expect([...after].filter(untouched)).toEqual([...before].filter(untouched))
      expect(host.lines.filter((line) => / 5\d\d: /.test(line))).toEqual([])
    },
    300_000,
  )
})

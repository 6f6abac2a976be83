import { describe, expect, it } from 'vitest'
import { FileGone, type ListQuery, type Records, type Rows } from '../../store/records.ts'
import {
  aConfiguration,
  aDeployment,
  aFile,
  anAgent,
  anEnvironment,
  aRun,
  aSession,
  nextVersion,
  second,
} from './samples.ts'

/**
 * What every implementation of Records does.
 * @param open gives empty records, closed when the test is over
 */
export function recordsConformance(implementation: string, open: () => Promise<Records>): void {
  describe(`agents in ${implementation}`, () => {
    it('are found as they were stored, by version and newest', async () => {
      const { agents } = await open()
      const first = { ...anAgent(), metadata: { emoji: '🦊', quote: '"\'\u0000' } }
      await agents.insert(first)
      expect(await agents.get(first.id)).toEqual(first)
      const second = nextVersion(first)
      expect(await agents.update(second, 1)).toBe(true)
      expect(await agents.get(first.id)).toEqual(second)
      expect(await agents.get(first.id, 1)).toEqual(first)
      expect(await agents.get(first.id, 3)).toBeUndefined()
      expect(await agents.get('agent_none')).toBeUndefined()
    })

    it('take one of several changes made from the same version', async () => {
      const { agents } = await open()
      const agent = anAgent()
      await agents.insert(agent)
      const changes = ['a', 'b', 'c'].map((system) => ({ ...agent, version: 2, system }))
      const taken = await Promise.all(changes.map((change) => agents.update(change, 1)))
      expect(taken.filter(Boolean)).toHaveLength(1)
      expect(await agents.get(agent.id)).toEqual(changes[taken.indexOf(true)])
      expect((await agents.versions(agent.id, { limit: 10 })).rows).toHaveLength(2)
    })

    it('are archived once and for all, in every version', async () => {
      const { agents } = await open()
      const agent = anAgent()
      await agents.insert(agent)
      await agents.update(nextVersion(agent), 1)
      expect((await agents.archive(agent.id, second(5)))?.archived_at).toBe(second(5))
      expect((await agents.archive(agent.id, second(9)))?.archived_at).toBe(second(5))
      expect((await agents.get(agent.id, 1))?.archived_at).toBe(second(5))
      expect(await agents.update({ ...agent, version: 3 }, 2)).toBe(false)
      expect(await agents.archive('agent_none', second(1))).toBeUndefined()
    })

    it('are listed in their newest version, without the archived ones unless asked', async () => {
      const { agents } = await open()
      const [old, changed, gone] = [anAgent(second(1)), anAgent(second(2)), anAgent(second(3))]
      for (const agent of [old, changed, gone]) await agents.insert(agent)
      await agents.update(nextVersion(changed), 1)
      await agents.archive(gone.id, second(4))
      expect((await agents.list({ limit: 10 })).rows).toEqual([nextVersion(changed), old])
      const all = await agents.list({ limit: 10, includeArchived: true })
      expect(all.rows.map(({ id }) => id)).toEqual([gone.id, changed.id, old.id])
      const between = await agents.list({ limit: 10, createdAt: { gte: second(2), lte: second(2) } })
      expect(between.rows.map(({ id }) => id)).toEqual([changed.id])
    })

    it('have their versions listed newest first, page by page', async () => {
      const { agents } = await open()
      let agent = anAgent()
      await agents.insert(agent)
      await agents.insert(anAgent())
      for (let version = 1; version < 5; version++) {
        agent = nextVersion(agent)
        await agents.update(agent, version)
      }
      const first = await agents.versions(agent.id, { limit: 2 })
      expect(first.rows.map(({ version }) => version)).toEqual([5, 4])
      expect(first.more).toBe(true)
      const rest = await agents.versions(agent.id, { limit: 3, after: 4 })
      expect(rest.rows.map(({ version }) => version)).toEqual([3, 2, 1])
      expect(rest.more).toBe(false)
    })
  })

  describe(`environments in ${implementation}`, () => {
    it('are found, changed, listed and deleted', async () => {
      const { environments } = await open()
      const environment = { ...anEnvironment(second(1)), metadata: { b: '1', 1: '2' } }
      const archived = { ...anEnvironment(second(2)), archived_at: second(3) }
      await environments.insert(environment)
      await environments.insert(archived)
      expect(await environments.get(environment.id)).toEqual(environment)
      const changed = { ...environment, name: 'other' }
      expect(await environments.update(changed, (await environments.get(environment.id))!)).toBe(true)
      expect((await environments.list({ limit: 10 })).rows).toEqual([changed])
      expect((await environments.list({ limit: 10, includeArchived: true })).rows).toEqual([archived, changed])
      expect(await environments.delete(environment.id)).toBe(true)
      expect(await environments.delete(environment.id)).toBe(false)
      expect(await environments.get(environment.id)).toBeUndefined()
    })

    it('refuse a change that was made from an older state', async () => {
      const { environments } = await open()
      const environment = anEnvironment()
      await environments.insert(environment)
      const archived = { ...environment, archived_at: second(1) }
      expect(await environments.update(archived, environment)).toBe(true)
      expect(await environments.update({ ...environment, name: 'late' }, environment)).toBe(false)
      expect(await environments.get(environment.id)).toEqual(archived)
    })
  })

  describe(`texts in ${implementation}`, () => {
    it('with a NUL are refused where they are compared, and hold one where they are shown', async () => {
      const { agents, sessions } = await open()
      const refused = { status: 400, type: 'invalid_request_error', message: expect.stringContaining('NUL') }
      await expect(agents.get('agent_\0')).rejects.toMatchObject(refused)
      await expect(sessions.list({ limit: 5, agentId: '\0' })).rejects.toMatchObject(refused)
      await expect(sessions.list({ limit: 5, after: { createdAt: '\0', id: 'x' } })).rejects.toMatchObject(refused)
      await expect(sessions.insert(aSession({ idempotencyKey: 'a\0' }), aConfiguration)).rejects.toMatchObject(refused)
      expect((await sessions.list({ limit: 5 })).rows).toEqual([])
      const session = aSession({ title: 'a\0b', metadata: { '\0': '\0' } })
      await sessions.insert(session, aConfiguration)
      expect(await sessions.get(session.id)).toEqual(session)
    })

    it('and numbers of any size are looked for', async () => {
      const { agents, memoryVersions } = await open()
      const agent = anAgent()
      await agents.insert(agent)
      const most = Number.MAX_SAFE_INTEGER
      expect(await agents.get(agent.id, most)).toBeUndefined()
      expect((await agents.versions(agent.id, { limit: 5, after: most })).rows).toEqual([agent])
      expect((await memoryVersions.list('memstore_1', { limit: 5, after: most, withContent: true })).rows).toEqual([])
      expect(await agents.get('x'.repeat(1_000_000))).toBeUndefined()
    })
  })

  describe(`files in ${implementation}`, () => {
    it('are found one by one and together, unknown ids left out', async () => {
      const { files } = await open()
      const [one, two] = [aFile(), aFile()]
      await files.insert(one)
      await files.insert(two)
      expect(await files.get(one.metadata.id)).toEqual(one)
      const found = await files.getMany([two.metadata.id, 'file_none', one.metadata.id])
      expect(new Set(found)).toEqual(new Set([one, two]))
      expect(await files.getMany([])).toEqual([])
      expect(await files.delete(one.metadata.id)).toBe(true)
      expect(await files.delete(one.metadata.id)).toBe(false)
      expect(await files.get(one.metadata.id)).toBeUndefined()
    })

    it('are listed per session, and apart those of no session', async () => {
      const { files } = await open()
      const upload = aFile({ created_at: second(1) })
      const copy = aFile({ created_at: second(2), scope: { type: 'session', id: 'sesn_1' } }, upload.blob)
      const other = aFile({ created_at: second(3), scope: { type: 'session', id: 'sesn_2' } })
      for (const file of [upload, copy, other]) await files.insert(file)
      expect((await files.list({ limit: 10 })).rows).toEqual([upload])
      expect((await files.list({ limit: 10, scope: 'sesn_1' })).rows).toEqual([copy])
      expect(await files.countByBlob(upload.blob)).toBe(2)
      expect(await files.countByBlob('files/none')).toBe(0)
    })
  })

  describe(`files with the same content in ${implementation}`, () => {
    it('are copies of one that is there', async () => {
      const { files } = await open()
      const file = aFile()
      const { id } = file.metadata
      expect(await files.insertCopy({ copy: aFile({}, file.blob), of: id })).toBe(false)
      await files.insert(file)
      const copy = aFile({}, file.blob)
      expect(await files.insertCopy({ copy, of: id })).toBe(true)
      expect(await files.get(copy.metadata.id)).toEqual(copy)
      await files.dropContent(id, second(1))
      expect(await files.insertCopy({ copy: aFile({}, file.blob), of: id })).toBe(false)
      expect(await files.countByBlob(file.blob)).toBe(1)
    })

    it('are either made, and counted by who deletes the first, or not made, whatever comes first', async () => {
      const { files } = await open()
      const pairs = Array.from({ length: 20 }, () => {
        const file = aFile()
        return { file, copy: aFile({}, file.blob) }
      })
      for (const { file } of pairs) await files.insert(file)
      const outcomes = await Promise.all(
        pairs.map(async ({ file: { metadata, blob }, copy }) => {
          const copied = files.insertCopy({ copy, of: metadata.id })
          await files.delete(metadata.id)
          const others = await files.countByBlob(blob)
          return [await copied, others > 0]
        }),
      )
      for (const [isCopied, isCounted] of outcomes) expect(isCopied).toBe(isCounted)
    })
  })

  describe(`sessions in ${implementation}`, () => {
    it('are found with the configuration of each revision', async () => {
      const { sessions } = await open()
      const session = aSession({ metadata: { a: '1' } })
      expect(await sessions.insert(session, aConfiguration)).toBe(true)
      expect(await sessions.get(session.id)).toEqual(session)
      const changed = { ...aConfiguration, system: 'new' }
      const updated = await sessions.update(session.id, { title: 't', updatedAt: second(2) }, changed)
      expect(updated).toEqual({ ...session, title: 't', updatedAt: second(2), revision: 2 })
      expect(await sessions.get(session.id)).toEqual(updated)
      expect(await sessions.configuration(session.id, 1)).toEqual(aConfiguration)
      expect(await sessions.configuration(session.id, 2)).toEqual(changed)
      expect(await sessions.configuration(session.id, 3)).toBeUndefined()
      expect(await sessions.update('sesn_none', { title: 't' })).toBeUndefined()
      await sessions.delete(session.id)
      expect(await sessions.get(session.id)).toBeUndefined()
      expect(await sessions.configuration(session.id, 1)).toBeUndefined()
    })

    it('keep both of two changes made at once', async () => {
      const { sessions } = await open()
      const session = aSession()
      await sessions.insert(session, aConfiguration)
      await Promise.all([
        sessions.update(session.id, { title: 't' }),
        sessions.update(session.id, { metadata: { a: '1' } }),
      ])
      expect(await sessions.get(session.id)).toMatchObject({ title: 't', metadata: { a: '1' } })
    })

    it('keep every change that is a function of the row, and nothing of one that throws', async () => {
      const { sessions } = await open()
      const session = aSession()
      await sessions.insert(session, aConfiguration)
      const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
      await Promise.all(
        keys.map((key) => sessions.update(session.id, ({ metadata }) => ({ metadata: { ...metadata, [key]: '1' } }))),
      )
      expect(Object.keys((await sessions.get(session.id))!.metadata).sort()).toEqual(keys.sort())
      const before = await sessions.get(session.id)
      const refused = sessions.update(
        session.id,
        () => {
          throw new Error('not now')
        },
        aConfiguration,
        { sesrsc_1: 'sealed' },
      )
      await expect(refused).rejects.toThrow('not now')
      expect(await sessions.get(session.id)).toEqual(before)
      expect(await sessions.secrets(session.id)).toEqual({})
    })

    it('have secrets of their own, replaced one by one, gone with them', async () => {
      const { sessions } = await open()
      const [session, other] = [aSession(), aSession()]
      await sessions.insert(session, aConfiguration, { sesrsc_1: 'one', sesrsc_2: 'two' })
      await sessions.insert(other, aConfiguration, { sesrsc_1: 'others' })
      await sessions.update(session.id, {}, undefined, { sesrsc_1: 'new' })
      expect(await sessions.secrets(session.id)).toEqual({ sesrsc_1: 'new', sesrsc_2: 'two' })
      expect(JSON.stringify(await sessions.get(session.id))).not.toContain('new')
      await sessions.delete(session.id)
      expect(await sessions.secrets(session.id)).toEqual({})
      expect(await sessions.secrets(other.id)).toEqual({ sesrsc_1: 'others' })
    })

    it('are one for one idempotency key, however many try', async () => {
      const { sessions } = await open()
      const tries = [1, 2, 3].map(() => aSession({ idempotencyKey: 'order-7' }))
      const taken = await Promise.all(tries.map((session) => sessions.insert(session, aConfiguration)))
      expect(taken.filter(Boolean)).toHaveLength(1)
      expect(await sessions.getByIdempotencyKey('order-7')).toEqual(tries[taken.indexOf(true)])
      expect(await sessions.getByIdempotencyKey('order-8')).toBeUndefined()
      const [, loser] = [taken.indexOf(true), taken.indexOf(false)]
      expect(await sessions.configuration(tries[loser]!.id, 1)).toBeUndefined()
      expect(await sessions.insert(aSession(), aConfiguration)).toBe(true)
      expect(await sessions.insert(aSession(), aConfiguration)).toBe(true)
    })

    it('are stored together with their files, or neither', async () => {
      const { sessions, files } = await open()
      const keyed = () => aSession({ idempotencyKey: 'order-9' })
      const [first, second, third] = [keyed(), keyed(), aSession()]
      const uploads = [aFile(), aFile()]
      for (const upload of uploads) await files.insert(upload)
      const copiesFor = ({ id }: typeof first, of = uploads) =>
        of.map(({ metadata, blob }) => ({
          copy: aFile({ scope: { type: 'session', id } }, blob),
          of: metadata.id,
        }))
      const own = copiesFor(first)
      expect(await sessions.insert(first, aConfiguration, {}, undefined, own)).toBe(true)
      expect(await sessions.insert(second, aConfiguration, {}, undefined, copiesFor(second))).toBe(false)
      const gone = sessions.insert(third, aConfiguration, {}, undefined, copiesFor(third, [...uploads, aFile()]))
      await expect(gone).rejects.toThrow(FileGone)
      expect(await sessions.get(third.id)).toBeUndefined()
      const stored = await files.list({ limit: 9, scope: first.id })
      expect(stored.rows.map(({ metadata }) => metadata.id).sort()).toEqual(
        own.map(({ copy }) => copy.metadata.id).sort(),
      )
      for (const { id } of [second, third]) expect((await files.list({ limit: 9, scope: id })).rows).toEqual([])
    })

    it('are listed by agent and version, without those that are archived or being deleted', async () => {
      const { sessions } = await open()
      const plain = aSession({ createdAt: second(1), agentVersion: 2 })
      const other = aSession({ createdAt: second(2), agentId: 'agent_2' })
      const archived = aSession({ createdAt: second(3), archivedAt: second(4) })
      const deleted = aSession({ createdAt: second(4), deletedAt: second(5) })
      for (const session of [plain, other, archived, deleted]) await sessions.insert(session, aConfiguration)
      const list = async (query: object) => (await sessions.list({ limit: 10, ...query })).rows
      expect(await list({})).toEqual([other, plain])
      expect(await list({ includeArchived: true })).toEqual([archived, other, plain])
      expect(await list({ agentId: 'agent_1' })).toEqual([plain])
      expect(await list({ agentId: 'agent_1', agentVersion: 1 })).toEqual([])
      expect(await list({ createdAt: { gt: second(1) } })).toEqual([other])
      expect(await list({ createdAt: { lt: second(2) } })).toEqual([plain])
    })

    it('are found while they are marked as deleted and not erased', async () => {
      const { sessions } = await open()
      const ids = ['sesn_a', 'sesn_b', 'sesn_c']
      for (const id of ids) await sessions.insert(aSession({ id, deletedAt: second(5) }), aConfiguration)
      await sessions.insert(aSession({ id: 'sesn_d' }), aConfiguration)
      await sessions.insert(aSession({ id: 'sesn_e', deletedAt: second(7) }), aConfiguration)
      expect(await sessions.deletedBefore(second(6), { limit: 10 })).toEqual(ids)
      expect(await sessions.deletedBefore(second(6), { limit: 1, after: 'sesn_a' })).toEqual(['sesn_b'])
      await sessions.delete('sesn_b')
      expect(await sessions.deletedBefore(second(6), { limit: 10 })).toEqual(['sesn_a', 'sesn_c'])
      expect(await sessions.deletedBefore(second(5), { limit: 10 })).toEqual([])
    })

    it('are counted per environment until they are archived or deleted', async () => {
      const { sessions } = await open()
      const session = aSession()
      await sessions.insert(session, aConfiguration)
      await sessions.insert(aSession({ environmentId: 'env_2' }), aConfiguration)
      expect(await sessions.countByEnvironment('env_1')).toBe(1)
      await sessions.update(session.id, { archivedAt: second(1) })
      expect(await sessions.countByEnvironment('env_1')).toBe(0)
    })
  })

  describe(`deployments in ${implementation}`, () => {
    const schedule = { type: 'cron' as const, expression: '0 6 * * *', timezone: 'UTC' }

    it('are found, and changed from their newest state alone', async () => {
      const { deployments } = await open()
      const deployment = aDeployment()
      expect(await deployments.insert(deployment, 0)).toBe(true)
      expect(await deployments.get(deployment.id)).toEqual({ deployment, lastRunAt: null })
      const changed = { ...deployment, name: 'b' }
      expect(await deployments.update(changed, deployment, 0)).toBe('stored')
      expect(await deployments.update({ ...deployment, name: 'late' }, deployment, 0)).toBe('outrun')
      expect((await deployments.get(deployment.id))?.deployment).toEqual(changed)
      expect(await deployments.get('depl_none')).toBeUndefined()
    })

    it('have at most so many schedules, archived ones left out', async () => {
      const { deployments } = await open()
      const [first, other, plain] = [aDeployment({ schedule }), aDeployment({ schedule }), aDeployment()]
      expect(await deployments.insert(first, 1)).toBe(true)
      expect(await deployments.insert(other, 1)).toBe(false)
      expect(await deployments.get(other.id)).toBeUndefined()
      expect(await deployments.insert(plain, 1)).toBe(true)
      expect(await deployments.update({ ...plain, schedule }, plain, 1)).toBe('full')
      expect(await deployments.update({ ...first, name: 'b' }, first, 1)).toBe('stored')
      expect(
        await deployments.update({ ...first, archived_at: '2026-11-02T00:00:00.000Z' }, { ...first, name: 'b' }, 1),
      ).toBe('stored')
      expect(await deployments.insert(other, 1)).toBe(true)
    })

    it('are listed by agent and status, without the archived ones unless asked', async () => {
      const { deployments } = await open()
      const active = aDeployment({ created_at: second(1) })
      const paused = aDeployment({ created_at: second(2), paused_reason: { type: 'manual' } })
      const archived = aDeployment({ created_at: second(3), archived_at: second(4) })
      for (const deployment of [active, paused, archived]) await deployments.insert(deployment, 9)
      const list = async (query: object) =>
        (await deployments.list({ limit: 9, ...query })).rows.map(({ deployment }) => deployment)
      expect(await list({})).toEqual([paused, active])
      expect(await list({ includeArchived: true })).toEqual([archived, paused, active])
      expect(await list({ status: 'active' })).toEqual([active])
      expect(await list({ status: 'paused' })).toEqual([paused])
      expect(await list({ agentId: 'agent_none' })).toEqual([])
      expect(await deployments.liveOf('agent_1')).toEqual([active, paused])
    })

    it('are archived with their agent, and lose their tokens', async () => {
      const { agents, deployments } = await open()
      const agent = anAgent()
      await agents.insert(agent)
      const resources = [{ type: 'github_repository' as const, url: 'https://a.b/c', authorization_token: 'sealed' }]
      const [own, gone, other] = [
        aDeployment({
          agent: { type: 'agent', id: agent.id, version: 1 },
          resources,
          paused_reason: { type: 'manual' },
        }),
        aDeployment({ agent: { type: 'agent', id: agent.id, version: 1 }, archived_at: second(1) }),
        aDeployment(),
      ]
      for (const deployment of [own, gone, other]) await deployments.insert(deployment, 9)
      await agents.archive(agent.id, second(5))
      expect((await deployments.get(own.id))?.deployment).toEqual({
        ...own,
        resources: [{ type: 'github_repository', url: 'https://a.b/c' }],
        paused_reason: null,
        archived_at: second(5),
        updated_at: second(5),
      })
      expect((await deployments.get(gone.id))?.deployment).toEqual(gone)
      expect((await deployments.get(other.id))?.deployment).toEqual(other)
    })
  })

  describe(`runs of deployments in ${implementation}`, () => {
    const failure = { type: 'unknown_error' as const, message: 'm' }

    it('are stored together with their session, once for a key', async () => {
      const { deployments, deploymentRuns, sessions } = await open()
      const deployment = aDeployment()
      await deployments.insert(deployment, 0)
      const tries = [1, 2].map((n) => {
        const session = aSession({ idempotencyKey: 'k', deploymentId: deployment.id })
        const run = aRun({ deployment_id: deployment.id, session_id: session.id, created_at: second(n) })
        return { session, record: { run, key: 'k', pending: [] } }
      })
      for (const [index, { session, record }] of tries.entries())
        expect(await sessions.insert(session, aConfiguration, undefined, record)).toBe(index === 0)
      const { session, record } = tries[0]!
      expect(await deploymentRuns.getByKey('k')).toEqual(record)
      expect(await deploymentRuns.get(record.run.id)).toEqual(record.run)
      expect((await deployments.get(deployment.id))?.lastRunAt).toBe(second(1))
      expect((await sessions.list({ limit: 9, deploymentId: deployment.id })).rows).toEqual([session])
      expect((await sessions.list({ limit: 9, deploymentId: 'depl_none' })).rows).toEqual([])

      expect(await deploymentRuns.pendingBefore(second(9), { limit: 9 })).toEqual([record])
      expect(await deploymentRuns.pendingBefore(second(9), { limit: 9, after: 'k' })).toEqual([])
      expect(await deploymentRuns.pendingBefore(second(1), { limit: 9 })).toEqual([])
      await deploymentRuns.begun('k')
      expect(await deploymentRuns.pendingBefore(second(9), { limit: 9 })).toEqual([])
    })

    it('fail once, pause their deployment with that, and keep a session from being stored for them', async () => {
      const { deployments, deploymentRuns, sessions } = await open()
      const deployment = aDeployment()
      await deployments.insert(deployment, 0)
      const run = aRun({ deployment_id: deployment.id, error: failure, created_at: second(7) })
      const pause = { type: 'error' as const, error: { type: failure.type } }
      expect(await deploymentRuns.fail({ run, key: 'k', pending: null }, pause)).toEqual(run)
      const paused = { ...deployment, paused_reason: pause, updated_at: second(7) }
      expect((await deployments.get(deployment.id))?.deployment).toEqual(paused)
      const again = { run: aRun({ error: failure }), key: 'k', pending: null }
      expect(await deploymentRuns.fail(again, pause)).toEqual(run)
      const session = aSession({ idempotencyKey: 'k' })
      const late = { run: aRun({ session_id: session.id }), key: 'k', pending: [] }
      expect(await sessions.insert(session, aConfiguration, undefined, late)).toBe(false)
      expect(await sessions.get(session.id)).toBeUndefined()
      await deploymentRuns.delete('k')
      expect(await deploymentRuns.get(run.id)).toBeUndefined()
    })

    it('are listed by deployment, trigger and error', async () => {
      const { deploymentRuns } = await open()
      const manual = aRun({ created_at: second(1), trigger_context: { type: 'manual' }, error: failure })
      const other = aRun({ created_at: second(2), deployment_id: 'depl_2', error: failure })
      for (const run of [manual, other]) await deploymentRuns.fail({ run, key: run.id, pending: null }, undefined)
      const list = async (query: object) => (await deploymentRuns.list({ limit: 9, ...query })).rows
      expect(await list({})).toEqual([other, manual])
      expect(await list({ deploymentId: 'depl_2' })).toEqual([other])
      expect(await list({ trigger: 'manual' })).toEqual([manual])
      expect(await list({ hasError: false })).toEqual([])
      expect(await list({ hasError: true, createdAt: { gt: second(1) } })).toEqual([other])
    })
  })

  describe(`pages in ${implementation}`, () => {
    /** Ten sessions, several of the same moment; newest first. */
    async function filled(records: Records): Promise<string[]> {
      const rows = [...Array(10).keys()].map((n) => aSession({ createdAt: second(Math.floor(n / 4)) }))
      for (const row of rows) await records.sessions.insert(row, aConfiguration)
      return rows
        .sort((a, b) => (a.createdAt === b.createdAt ? (a.id < b.id ? 1 : -1) : a.createdAt < b.createdAt ? 1 : -1))
        .map(({ id }) => id)
    }

    async function walk(
      list: (query: ListQuery) => Promise<Rows<{ id: string; createdAt: string }>>,
      query: ListQuery,
      between: () => Promise<unknown> = async () => {},
    ): Promise<string[][]> {
      const pages: string[][] = []
      let page = await list(query)
      for (;;) {
        pages.push(page.rows.map(({ id }) => id))
        if (!page.more) return pages
        const edge = query.backwards ? page.rows[0]! : page.rows.at(-1)!
        await between()
        page = await list({ ...query, after: { createdAt: edge.createdAt, id: edge.id } })
      }
    }

    it.each([1, 3, 5, 10, 11])('of %i hold every row once, in order, either way', async (limit) => {
      const records = await open()
      const ids = await filled(records)
      const { list } = records.sessions
      expect((await walk(list, { limit })).flat()).toEqual(ids)
      expect((await walk(list, { limit, order: 'asc' })).flat()).toEqual(ids.toReversed())
    })

    it('are in the order of bytes, not of a language', async () => {
      const { sessions } = await open()
      const ids = ['sesn_B', 'sesn_a', 'sesn_A', 'sesn_b', 'sesn_1', 'sesn_ä']
      for (const id of ids) await sessions.insert(aSession({ id }), aConfiguration)
      const pages = await walk(sessions.list, { limit: 2, order: 'asc' })
      expect(pages).toEqual([
        ['sesn_1', 'sesn_A'],
        ['sesn_B', 'sesn_a'],
        ['sesn_b', 'sesn_ä'],
      ])
    })

    it('can be walked backwards, each page still in the order of the list', async () => {
      const records = await open()
      const ids = await filled(records)
      const last = await records.sessions.get(ids.at(-1)!)
      const pages = await walk(records.sessions.list, {
        limit: 4,
        backwards: true,
        after: { createdAt: last!.createdAt, id: last!.id },
      })
      expect(pages).toEqual([ids.slice(5, 9), ids.slice(1, 5), ids.slice(0, 1)])
    })

    it('neither repeat nor skip a row when others are added or removed meanwhile', async () => {
      const records = await open()
      const ids = await filled(records)
      let removed = 0
      const seen = await walk(records.sessions.list, { limit: 3 }, async () => {
        await records.sessions.insert(aSession({ createdAt: second(100) }), aConfiguration)
        await records.sessions.delete(ids[removed++]!)
      })
      expect(seen.flat()).toEqual(ids)
    })
  })
}

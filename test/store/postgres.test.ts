import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createVault } from '../../protocol/vaults.ts'
import { openRecords, recordsOver } from '../../store/open-records.ts'
import type { Records } from '../../store/records.ts'
import { RecordsUnavailable } from '../../store/records-unavailable.ts'
import { DatabaseTooNew } from '../../store/sql/migrations.ts'
import { openPostgres } from '../../store/sql/postgres.ts'
import { examinePostgres } from '../../store/sql/prepare-postgres.ts'
import { freePort } from '../../worker/temporal-server/free-port.ts'
import { type Postgres, password, startPostgres } from '../support/postgres.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import {
  aConfiguration,
  aCredential,
  aDeployment,
  anAgent,
  anEnvironment,
  aSession,
  nextVersion,
  second,
} from './samples.ts'

let postgres: Postgres
let url: string
beforeAll(async () => {
  postgres = await startPostgres()
  url = await postgres.url()
  await (await openRecords({ url })).close()
})
afterAll(() => postgres?.[Symbol.asyncDispose]())

async function open(options: { url?: string; patienceMs?: number } = {}): Promise<Records> {
  const records = await openRecords({ url, ...options })
  onTestFinished(() => records.close())
  return records
}

/** Another process, as its transactions are seen from here. */
async function another(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** Resolves when somebody waits for a lock. */
const someoneWaits = () =>
  until(async () => (await postgres.run(`select 1 from pg_stat_activity where wait_event_type = 'Lock'`)).length > 0)

function startProcess(at: string, ...args: string[]) {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'records-process.ts'), at, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

const refusalOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => {
      throw new Error('was not refused')
    },
    (error) => error,
  )

/** All that an error says, its causes too. */
function said(error: unknown): string {
  return error instanceof Error ? `${error.stack} ${said(error.cause)}` : String(error)
}

describe('records in PostgreSQL', () => {
  it('can be made and changed by several processes at once, at any isolation of its own', async () => {
    const fresh = `${await postgres.url()}%20-c%20default_transaction_isolation%3Dserializable`
    const children = [1, 2, 3].map(() => startProcess(fresh, 'insert'))
    await Promise.all(children.map((child) => once(child.stdout, 'data')))
    for (const child of children) child.kill('SIGKILL')
    const records = await open({ url: fresh })
    const agent = anAgent()
    await records.agents.insert(agent)
    const codes = await Promise.all(
      [1, 2].map(async () => (await once(startProcess(fresh, 'increment', agent.id), 'exit'))[0]),
    )
    expect(codes).toEqual([0, 0])
    expect((await records.agents.get(agent.id))?.version).toBe(21)
    expect((await records.agents.versions(agent.id, { limit: 100 })).rows).toHaveLength(21)
  })

  it('are refused when a newer version wrote them', async () => {
    const newer = await postgres.url()
    await (await openRecords({ url: newer })).close()
    await postgres.run(`insert into migrations values (999, '${second(0)}')`, newer)
    expect(await refusalOf(openRecords({ url: newer }))).toBeInstanceOf(DatabaseTooNew)
    expect(await refusalOf(examinePostgres({ url: newer }))).toBeInstanceOf(DatabaseTooNew)
  })

  it('need a database of UTF-8', async () => {
    await postgres.run(`create database latin encoding 'LATIN1' locale_provider libc locale 'C' template template0`)
    const latin = url.replace('/postgres?', '/latin?')
    await expect(openRecords({ url: latin })).rejects.toThrow(/database latin .* LATIN1.* ENCODING 'UTF8'/)
  })

  it('are on the disk when they are acknowledged, also where the database is set up otherwise', async () => {
    const lax = `${await postgres.url()}%20-c%20synchronous_commit%3Doff`
    await open({ url: lax })
    const database = openPostgres({ url: lax })
    onTestFinished(() => database.destroy())
    const { rows } = await sql`select current_setting('synchronous_commit') as setting`.execute(database)
    expect(rows).toEqual([{ setting: 'on' }])
  })
})

describe('a transaction in PostgreSQL', () => {
  it.each(['serialization_failure', 'deadlock_detected'])('is made again after a %s', async (failure) => {
    const records = await open()
    await postgres.run(
      `create sequence tries;
       create function give_way() returns trigger as $$
       begin
         if nextval('tries') < 3 then raise ${failure}; end if;
         return new;
       end $$ language plpgsql;
       create trigger give_way before insert on agent_versions for each row execute function give_way()`,
      url,
    )
    onTestFinished(async () => {
      await postgres.run('drop trigger give_way on agent_versions; drop function give_way; drop sequence tries', url)
    })
    const agent = anAgent()
    await records.agents.insert(agent)
    expect(await records.agents.get(agent.id)).toEqual(agent)
  })

  it('is made again when its connection was lost before it was committed', async () => {
    const records = await open()
    const session = aSession()
    await records.sessions.insert(session, aConfiguration)
    const other = await another()
    await other.query('begin')
    await other.query('update sessions set id = id where id = $1', [session.id])
    const changed = records.sessions.update(session.id, ({ metadata }) => ({ metadata: { ...metadata, a: '1' } }))
    await someoneWaits()
    await postgres.run(`select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'`)
    await other.query('commit')
    expect(await changed).toMatchObject({ metadata: { a: '1' } })
    expect(await records.sessions.get(session.id)).toMatchObject({ metadata: { a: '1' } })
  })

  it('that erases a session leaves nothing of a change made at the same time', async () => {
    const records = await open()
    const session = aSession()
    await records.sessions.insert(session, aConfiguration)
    const other = await another()
    await other.query('begin')
    await other.query('update sessions set revision = 2 where id = $1', [session.id])
    await other.query(`insert into session_configurations values ($1, 2, '{}')`, [session.id])
    const erased = records.sessions.delete(session.id)
    await someoneWaits()
    await other.query('commit')
    await erased
    expect(await records.sessions.get(session.id)).toBeUndefined()
    expect(await records.sessions.configuration(session.id, 2)).toBeUndefined()
  })

  it('that archives an agent leaves a deployment that gets another agent at the same time', async () => {
    const records = await open()
    const agent = anAgent()
    await records.agents.insert(agent)
    const of = (id: string) => ({ agent: { type: 'agent' as const, id, version: 1 } })
    const [stays, goes] = [aDeployment(of(agent.id)), aDeployment(of(agent.id))]
    for (const deployment of [stays, goes]) await records.deployments.insert(deployment, 9)
    const other = await another()
    await other.query('begin')
    const changed = { ...stays, ...of('agent_2') }
    await other.query('update deployments set agent_id = $1, body = $2 where id = $3', [
      'agent_2',
      JSON.stringify(changed),
      stays.id,
    ])
    const archived = records.agents.archive(agent.id, second(5))
    await someoneWaits()
    await other.query('commit')
    await archived
    expect((await records.deployments.get(stays.id))?.deployment).toEqual(changed)
    expect((await records.deployments.get(goes.id))?.deployment.archived_at).toBe(second(5))
  })

  it('that archives a vault keeps a change of its credential made at the same time', async () => {
    const records = await open()
    const vault = createVault({ display_name: 'v' }, second(0))
    await records.vaults.insert(vault)
    const credential = aCredential(vault.id)
    await records.credentials.insert({ credential, sealed: 's' }, 'key', 20)
    const other = await another()
    await other.query('begin')
    const changed = { ...credential, display_name: 'changed meanwhile' }
    await other.query('update vault_credentials set body = $1 where id = $2', [JSON.stringify(changed), credential.id])
    const archived = records.vaults.archive(vault.id, second(5))
    await someoneWaits()
    await other.query('commit')
    await archived
    expect(await records.credentials.get(credential.id)).toEqual({
      credential: { ...changed, archived_at: second(5), updated_at: second(5) },
      sealed: null,
    })
  })

  it('whose turn does not come in time changes nothing and says so', async () => {
    const database = openPostgres({ url, statementMs: 200 })
    onTestFinished(() => database.destroy())
    const hasty = recordsOver(database)
    const records = await open()
    const agent = anAgent()
    await records.agents.insert(agent)
    const other = await another()
    await other.query('begin')
    await other.query('update agents set id = id where id = $1', [agent.id])
    expect(await refusalOf(hasty.agents.update(nextVersion(agent), 1))).toMatchObject({
      code: 'records_unavailable',
      mayBeDone: false,
    })
    await other.query('rollback')
    expect(await records.agents.get(agent.id)).toEqual(agent)
    expect(await records.agents.update(nextVersion(agent), 1)).toBe(true)
  })
})

describe('a PostgreSQL that is away', () => {
  it('is waited for, and what it had acknowledged is there when it comes back', async () => {
    const records = await open({ patienceMs: 60_000 })
    const agents = Array.from({ length: 20 }, () => anAgent())
    await Promise.all(agents.map((agent) => records.agents.insert(agent)))
    await postgres.kill()
    const meanwhile = anAgent()
    const reads = agents.map(({ id }) => records.agents.get(id))
    const write = records.agents.insert(meanwhile)
    await postgres.start()
    expect(await Promise.all(reads)).toEqual(agents)
    await write
    expect(await records.agents.get(meanwhile.id)).toEqual(meanwhile)
  })

  it('is not waited for longer than the caller can', async () => {
    const records = await open({ patienceMs: 0 })
    await records.agents.get('agent_1')
    await postgres.kill()
    try {
      const agent = anAgent()
      for (const work of [() => records.agents.get(agent.id), () => records.agents.insert(agent)]) {
        expect(await refusalOf(work())).toMatchObject({ code: 'records_unavailable', mayBeDone: false })
      }
      await expect(openRecords({ url, patienceMs: 0 })).rejects.toThrow(
        /database postgres at 127.0.0.1:\d+ cannot be used/,
      )
    } finally {
      await postgres.start()
    }
    await records.agents.insert(anAgent())
  })

  it('is asked again when the connection was lost before it answered', async () => {
    const records = await open()
    const agent = anAgent()
    await records.agents.insert(agent)
    const other = await another()
    await other.query('begin')
    await other.query('lock table agents in access exclusive mode')
    const found = records.agents.get(agent.id)
    await someoneWaits()
    await postgres.run(`select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'`)
    await other.query('commit')
    expect(await found).toEqual(agent)
  })

  it('and stands still is left after a while, its connection with it', async () => {
    const database = openPostgres({ url: `${url}&application_name=frozen`, connections: 1, statementMs: 1500 })
    onTestFinished(() => database.destroy())
    const { environments } = recordsOver(database)
    expect(await environments.get('env_none')).toBeUndefined()
    const [backend] = await postgres.run<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'frozen'`,
    )
    process.kill(backend!.pid, 'SIGSTOP')
    onTestFinished(() => void process.kill(backend!.pid, 'SIGCONT'))
    expect(await refusalOf(environments.insert(anEnvironment()))).toMatchObject({ mayBeDone: true })
    const environment = anEnvironment()
    await environments.insert(environment)
    expect(await environments.get(environment.id)).toEqual(environment)
  })

  it('is waited for while it takes no changes, as one that a fail-over has not reached yet', async () => {
    const [records, hasty] = [await open({ patienceMs: 60_000 }), await open({ patienceMs: 0 })]
    const environments = [anEnvironment(), anEnvironment(), anEnvironment()] as const
    for (const { environments: opened } of [records, hasty]) expect(await opened.get('env_none')).toBeUndefined()
    // From another database, where the setting does not hold.
    const administer = (statement: string) => postgres.run(statement, url.replace('/postgres?', '/template1?'))
    await administer('alter database postgres set default_transaction_read_only = on')
    const closed = () =>
      administer(`select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'holdfast'`)
    try {
      await closed()
      const away = { code: 'records_unavailable', mayBeDone: false }
      // What is read finds that the connection was lost.
      expect(await refusalOf(hasty.environments.get('env_none'))).toMatchObject(away)
      const read = records.environments.get('env_none')
      expect(await refusalOf(hasty.environments.insert(environments[0]))).toMatchObject(away)
      expect(await refusalOf(hasty.agents.insert(anAgent()))).toMatchObject(away)
      const written = records.environments.insert(environments[1])
      await administer('alter database postgres reset default_transaction_read_only')
      expect(await read).toBeUndefined()
      await written
    } finally {
      await administer('alter database postgres reset default_transaction_read_only')
    }
    await hasty.environments.insert(environments[2])
    const found = await Promise.all(environments.map(({ id }) => records.environments.get(id)))
    expect(found).toEqual([undefined, environments[1], environments[2]])
  })

  it('may have committed what it gave no answer to, which the error says', async () => {
    const records = await open()
    await postgres.run(
      `create function wait_at_commit() returns trigger as $$
       begin
         perform pg_advisory_xact_lock(7);
         return null;
       end $$ language plpgsql;
       create constraint trigger wait_at_commit after insert on agent_versions deferrable initially deferred
       for each row execute function wait_at_commit()`,
      url,
    )
    onTestFinished(async () => {
      await postgres.run('drop trigger wait_at_commit on agent_versions; drop function wait_at_commit', url)
    })
    const other = await another()
    await other.query('select pg_advisory_lock(7)')
    const inserted = refusalOf(records.agents.insert(anAgent()))
    await someoneWaits()
    await postgres.run(`select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'`)
    expect(await inserted).toMatchObject({ code: 'records_unavailable', mayBeDone: true })
  })

  it('may have done what it gave no answer to, which the error says', async () => {
    const records = await open()
    await records.environments.insert({ ...anEnvironment(), id: 'env_1' })
    const other = await another()
    await other.query('begin')
    await other.query(`update environments set id = id where id = 'env_1'`)
    const deleted = refusalOf(records.environments.delete('env_1'))
    await someoneWaits()
    await postgres.run(`select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = 'Lock'`)
    const error = await deleted
    expect(error).toBeInstanceOf(RecordsUnavailable)
    expect(error).toMatchObject({ mayBeDone: true, message: expect.stringContaining('Idempotency-Key') })
    await other.query('commit')
    // The connection that was lost is not used again.
    expect(await records.environments.delete('env_1')).toBe(true)
  })
})

describe('the password of a PostgreSQL', () => {
  const base = () => url.split('?')[0]!
  const withoutPassword = () => base().replace(`:${password}`, '')

  it('is in no error, whatever is wrong', async () => {
    const wrong = [
      base().replace(password, 'hunter2-wrong'),
      base().replace('/postgres', '/nowhere'),
      base().replace(/@127.0.0.1:\d+/, `@127.0.0.1:${await freePort()}`),
      base().replace(/@127.0.0.1:\d+/, '@127.0.0.1:99999999'),
      `postgres://me:hunter2@@@:::/x`,
      `${base()}?sslmode=verify-full&sslrootcert=/nowhere/hunter1.pem`,
    ]
    for (const at of wrong) {
      for (const work of [
        () => openRecords({ url: at, patienceMs: 0 }),
        () => examinePostgres({ url: at, patienceMs: 0 }),
      ]) {
        const error = await refusalOf(work())
        expect(error.message).toMatch(/^records/)
        expect(said(error)).not.toContain('hunter2')
      }
    }
    expect(await examinePostgres({ url })).toMatch(
      /^PostgreSQL \d+.*, database postgres at 127.0.0.1:\d+, UTF8, schema \d+$/,
    )
  })

  it('may be in PGPASSWORD, as the rest of the address in its variables', async () => {
    const { hostname, port } = new URL(base())
    vi.stubEnv('PGHOST', hostname)
    vi.stubEnv('PGPORT', port)
    vi.stubEnv('PGUSER', 'postgres')
    vi.stubEnv('PGDATABASE', 'postgres')
    vi.stubEnv('PGPASSWORD', password)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(await examinePostgres({ url: 'postgres://' })).toContain(`${hostname}:${port}`)
  })

  it('may be in the passfile', async () => {
    await expect(examinePostgres({ url: withoutPassword(), patienceMs: 0 })).rejects.toThrow(/password/)
    const file = path.join(await temporaryFolder(), 'passfile')
    await writeFile(file, `127.0.0.1:*:*:postgres:${password}\n`)
    await chmod(file, 0o600)
    vi.stubEnv('PGPASSFILE', file)
    const warnings: Error[] = []
    const note = (warning: Error) => void warnings.push(warning)
    process.on('warning', note)
    onTestFinished(() => {
      vi.unstubAllEnvs()
      process.off('warning', note)
    })
    expect(await examinePostgres({ url: withoutPassword() })).toContain('PostgreSQL')
    expect(warnings).toEqual([])
  })
})

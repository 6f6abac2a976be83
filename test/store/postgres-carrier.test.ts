import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { PostgresCarrier } from '../../store/sql/postgres-carrier.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

let postgres: Postgres
let url: string
beforeAll(async () => {
  postgres = await startPostgres()
  url = await postgres.url()
})
afterAll(() => postgres?.[Symbol.asyncDispose]())

function connect(at = url) {
  const carrier = new PostgresCarrier({ url: at })
  onTestFinished(() => carrier[Symbol.asyncDispose]())
  const heard: string[] = []
  carrier.onText = (text) => heard.push(text)
  return { carrier, heard }
}

/** Two that hear each other. */
async function pair() {
  const [one, other] = [connect(), connect()]
  await until(() => {
    one.carrier.send('hello')
    return other.heard.includes('hello')
  })
  other.heard.length = 0
  one.carrier.send('begin')
  await until(() => other.heard.at(-1) === 'begin')
  other.heard.length = 0
  return { one, other }
}

describe('texts carried by PostgreSQL', () => {
  it('come whole and in order, equal ones each', async () => {
    const { one, other } = await pair()
    const texts = ['a', 'a', 'b b', '', 'é'.repeat(one.carrier.maxBytes / 2), 'a', 'end']
    for (const text of texts) one.carrier.send(text)
    await until(() => other.heard.at(-1) === 'end')
    expect(other.heard).toEqual(texts)
  })

  it('are given up when the database stands still', async () => {
    const at = `${url}&application_name=frozen`
    const carrier = new PostgresCarrier({ url: at })
    let isHeard = false
    carrier.onText = () => {
      isHeard = true
    }
    await until(() => {
      carrier.send('hello')
      return isHeard
    })
    const [backend] = await postgres.run<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'frozen'`,
    )
    process.kill(backend!.pid, 'SIGSTOP')
    onTestFinished(() => void process.kill(backend!.pid, 'SIGCONT'))
    await carrier[Symbol.asyncDispose]()
  })

  it('are heard by those of the same schema alone', async () => {
    const { one, other } = await pair()
    const apart = connect(await postgres.url())
    apart.carrier.send('own')
    await until(() => apart.heard.includes('own'))
    one.carrier.send('end')
    await until(() => other.heard.at(-1) === 'end')
    expect(other.heard).not.toContain('own')
    expect(apart.heard).toEqual(['own'])
  })

  it('go on when the database was away, with the newest that waited', async () => {
    const { one, other } = await pair()
    await postgres.kill()
    // What is sent while nobody has noticed is lost.
    await until(async () => {
      one.carrier.send('lost')
      return postgres.run('select 1').then(
        () => false,
        () => true,
      )
    })
    await postgres.start()
    await until(() => {
      one.carrier.send('again')
      return other.heard.includes('again')
    })
  })
})

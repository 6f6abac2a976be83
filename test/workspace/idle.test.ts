import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { below } from '../../chaos/processes.ts'
import { converse, newSession } from '../support/conversation.ts'
import { keeperPid, startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
beforeAll(async () => {
  host = await startTestHost({ config: { container: { idleMs: 1000 } } })
})
afterAll(() => host?.remove())

const containers = async () =>
  (await below(await keeperPid(host))).filter(({ title }) => title.includes('bwrap')).length
async function run(id: string, command: string): Promise<string> {
  const events = await converse(host.client, id, `#bash ${command}\n#say done`)
  const result = events.find((event) => event.type === 'agent.tool_result')!
  return (result.content as { text: string }[]).map(({ text }) => text).join('\n')
}

describe('a container that nobody needs', () => {
  it('is stopped, and comes back with its files; the model is told what is gone', async () => {
    const { id } = await newSession(host)
    await run(id, 'echo kept > kept; cd /tmp; variable=1; sleep 1000 & echo begun')
    await until(async () => (await containers()) === 0)
    const after = await run(id, 'cat kept; pwd; echo "[$variable]"; pgrep -c sleep')
    expect(after).toContain('The container was stopped after 1 s without a call')
    expect(after).toMatch(/kept\n\/workspace\n\[\]\n0/)
    // Said once.
    expect(await run(id, 'echo again')).toBe('again')
  })

  it('is not stopped under a call, however long that takes', async () => {
    const { id } = await newSession(host)
    expect(await run(id, 'for i in 1 2 3 4 5; do sleep 0.5; echo $i; done')).toBe('1\n2\n3\n4\n5')
  })

  it('may be needed at the very moment at which it is stopped', async () => {
    const { id } = await newSession(host)
    for (let round = 0; round < 6; round++) {
      expect(await run(id, `echo ${round} >> rounds; tail -n 1 rounds`)).toMatch(new RegExp(`${round}$`))
      // Around the moment, not at it.
      await new Promise((resolve) => setTimeout(resolve, 970 + 15 * round))
    }
    expect(await run(id, 'paste -sd, rounds')).toMatch(/0,1,2,3,4,5$/)
    expect(await readFile(`${host.dataDir}/keeper.pid`, 'utf8')).toBeTruthy()
  })
})

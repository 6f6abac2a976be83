import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type GitServer, startGitServer } from '../../testing/git-server.ts'
import { converse, lastText, message } from '../support/conversation.ts'
import { keeperPid, startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'

let host: TestHost
let git: GitServer
let release = () => {}
beforeAll(async () => {
  git = await startGitServer()
  host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.1'] } } })
})
afterEach(() => release())
afterAll(async () => {
  await host.remove()
  await git.close()
})

/** A session whose repository is not answered before `release`. */
async function heldSession(name: string) {
  await git.create(name, { token: 'held' })
  git.hold = new Promise((resolve) => {
    release = resolve
  })
  git.requests.length = 0
  const session = await host.client.beta.sessions.create({
    agent: host.agent,
    environment_id: host.environment,
    resources: [{ type: 'github_repository', url: `${git.url}/${name}`, authorization_token: 'held' }],
  })
  return session.id
}

const begun = () => until(() => git.requests.some(({ path }) => path.endsWith('/git-upload-pack')))
/** Clones begin by asking for the branches, twice when the token is asked for. */
const clones = () => git.requests.filter(({ path, authorized }) => path.endsWith('/info/refs') && authorized).length

describe('a clone', () => {
  it('goes on when the worker is killed, and is made once', async () => {
    const id = await heldSession('held/worker')
    const turn = converse(host.client, id, '#bash cat worker/README; ls -A')
    await begun()
    process.kill(host.workerPids[0]!, 'SIGKILL')
    await until(
      async () => (await host.client.beta.sessions.events.list(id, { types: ['session.error'] })).data.length > 0,
    )
    release()
    expect(lastText(await turn)).toMatch(/main of held\/worker\n?worker$/)
    expect(clones()).toBe(1)
  })

  it('is begun anew when its container was killed in the middle, and leaves no half of itself', async () => {
    const id = await heldSession('held/keeper')
    const turn = converse(host.client, id, '#bash cat keeper/README; ls -A')
    await begun()
    process.kill(await keeperPid(host), 'SIGKILL')
    await until(() => clones() === 2)
    release()
    expect(lastText(await turn)).toMatch(/main of held\/keeper\n?keeper$/)
  })

  it('does not hold an interrupt up; what comes next waits for it', async () => {
    const id = await heldSession('held/interrupt')
    const turn = converse(host.client, id, '#bash echo never')
    await begun()
    await host.client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] })
    const events = await turn
    expect(JSON.stringify(events.find((event) => event.type === 'agent.tool_result'))).toContain('interrupted')
    const next = converse(host.client, id, [message('#bash cat interrupt/README; ls -A')])
    release()
    expect(lastText(await next)).toMatch(/main of held\/interrupt\n?interrupt$/)
    expect(clones()).toBe(1)
  })
})

describe('a checkout', () => {
  it('stays as the agent left it when its container starts again', async () => {
    const id = await heldSession('held/kept')
    release()
    await converse(host.client, id, '#bash echo mine > kept/README')
    process.kill(await keeperPid(host), 'SIGKILL')
    expect(lastText(await converse(host.client, id, '#bash cat kept/README; rm -rf kept'))).toMatch(/mine$/)
    process.kill(await keeperPid(host), 'SIGKILL')
    expect(lastText(await converse(host.client, id, '#bash ls -A; echo gone'))).toMatch(/\]\ngone$/)
    expect(clones()).toBe(1)
  })
})

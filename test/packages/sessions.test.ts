import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse, lastText, message } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { until } from '../support/until.ts'
import { type Registries, startRegistries } from './registries.ts'

let root: string
let registries: Registries
let host: TestHost
beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-packages-'))
  registries = await startRegistries(root)
  host = await startTestHost({ config: { packages: registries.settings, egress: { allowPrivate: ['127.0.0.0/8'] } } })
})
afterAll(async () => {
  await host?.remove()
  await registries?.[Symbol.asyncDispose]()
  await rm(root, { recursive: true, force: true })
})

const limited = { type: 'limited' as const, allow_package_managers: true }
async function sessionWith(packages: Record<string, string[]>, networking: object = limited) {
  const config = { type: 'cloud' as const, networking, packages } as never
  const environment = await host.client.beta.environments.create({ name: 'with packages', config })
  const session = await host.client.beta.sessions.create({ agent: host.agent, environment_id: environment.id })
  return { id: session.id, environment }
}

describe('a session in an environment with packages', () => {
  it('has them, and its agent knows of them', async () => {
    const { id, environment } = await sessionWith({ npm: ['shouter@1.0.0'], pip: ['whisperer'] })
    expect(environment.config).toMatchObject({ packages: { npm: ['shouter@1.0.0'], pip: ['whisperer'], apt: [] } })
    const events = await converse(host.client, id, '#bash shout hey; whisper HEY\n#say done')
    expect(JSON.stringify(events.find(({ type }) => type === 'agent.tool_result'))).toContain('HEY 1.0.0\\nhey 2.0')
    expect(events.filter(({ type }) => type === 'session.error')).toEqual([])
    const { system } = host.model.requests.at(-1)!.body as { system: unknown }
    expect(JSON.stringify(system)).toContain('These packages are installed: npm: shouter@1.0.0; pip: whisperer.')
  })

  it('has a network of its own, whatever the installation needs', async () => {
    const { id } = await sessionWith({ npm: ['shouter@1.0.0'] }, { type: 'unrestricted' })
    const url = `http://${registries.host}/npm/shouter`
    const open = await converse(
      host.client,
      id,
      `#bash shout hey; curl -s -o /dev/null -w '%{http_code}' ${url}\n#say done`,
    )
    expect(JSON.stringify(open)).toContain('HEY 1.0.0\\n200')
    const { id: other } = await sessionWith({ npm: ['shouter@1.0.0'] })
    const shut = await converse(
      host.client,
      other,
      `#bash shout hey; curl -s -o /dev/null -w '%{http_code}' ${url}\n#say done`,
    )
    expect(JSON.stringify(shut)).toContain('HEY 1.0.0\\n403')
  })

  it('without one of them says so, and works', async () => {
    const { id } = await sessionWith({ npm: ['no-such-package'] })
    const events = await converse(host.client, id, '#bash echo works\n#say done')
    expect(events.find(({ type }) => type === 'session.error')).toMatchObject({
      error: {
        type: 'unknown_error',
        message: expect.stringContaining('no-such-package'),
        retry_status: { type: 'retrying' },
      },
    })
    expect(JSON.stringify(events)).toContain('works')
  })

  it('can be interrupted while they are installed', async () => {
    const release = registries.hold()
    try {
      const { id } = await sessionWith({ pip: ['whisperer==2.0'] })
      registries.requests.length = 0
      const events = converse(host.client, id, '#bash whisper HEY\n#say done')
      await until(() => registries.requests.length > 0)
      await host.client.beta.sessions.events.send(id, { events: [{ type: 'user.interrupt' }] })
      const types = (await events).map(({ type }) => type)
      expect(types).toContain('agent.tool_result')
      release()
      // The installation has gone on.
      await until(async () => {
        const later = await converse(host.client, id, [message('#bash whisper HEY\n#say done')])
        return JSON.stringify(later).includes('hey 2.0')
      })
      expect(lastText(await converse(host.client, id, '#say still here'))).toContain('still here')
    } finally {
      release()
    }
  })
})

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { converse } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

type Networking = Extract<Anthropic.Beta.EnvironmentCreateParams['config'], { type: 'cloud' }>['networking']

let host: TestHost
let origin: Server
let port: number
let seen: string[] = []
beforeAll(async () => {
  // The one private address that may be reached; every other is as private as it would be in a company's network.
  host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.2'] } } })
  origin = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.host}`)
    if (request.url === '/away') response.writeHead(302, { location: `http://127.0.0.3:${port}/` })
    response.end(`origin at ${request.url}`)
  })
  await new Promise<void>((resolve) => origin.listen(0, '0.0.0.0', resolve))
  port = (origin.address() as AddressInfo).port
})
afterAll(async () => {
  origin?.close()
  await host?.remove()
})

async function sessionIn(networking: Networking) {
  const environment = await host.client.beta.environments.create({
    name: 'networked',
    config: { type: 'cloud', networking },
  })
  const session = await host.client.beta.sessions.create({ agent: host.agent, environment_id: environment.id })
  return { session, environment }
}

async function run(sessionId: string, command: string): Promise<string> {
  const events = await converse(host.client, sessionId, `#bash ${command}\n#say done`)
  return JSON.stringify(events.find((event) => event.type === 'agent.tool_result')?.content)
}
const curl = 'curl -sS -m 10'

describe('an unrestricted environment', () => {
  it('reaches what is public, or listed, by HTTP and through tunnels; nothing private', async () => {
    const { session } = await sessionIn({ type: 'unrestricted' })
    expect(await run(session.id, `${curl} http://127.0.0.2:${port}/plain`)).toContain('origin at /plain')
    expect(await run(session.id, `${curl} --proxytunnel http://127.0.0.2:${port}/tunnel`)).toContain(
      'origin at /tunnel',
    )
    const everywhere = ['127.0.0.3', '127.1', '2130706433', '0x7f000001', '[::1]', '[::ffff:127.0.0.3]', '0.0.0.0']
    seen = []
    for (const address of [...everywhere, '169.254.169.254', '10.0.0.1', '192.168.1.1', '[fd00::1]']) {
      const output = await run(session.id, `${curl} http://${address}:${port}/; ${curl} -p http://${address}:${port}/`)
      expect(output, address).toMatch(/private address|403|Failed to connect/)
    }
    expect(await run(session.id, `${curl} -L http://127.0.0.2:${port}/away`)).toContain('private address')
    expect(seen.filter((line) => !line.includes('/away'))).toEqual([])
  })

  it('has no other way out than the proxy', async () => {
    const { session } = await sessionIn({ type: 'unrestricted' })
    seen = []
    const output = await run(session.id, `${curl} --noproxy '*' http://127.0.0.2:${port}/ || echo blocked`)
    expect(output).toContain('blocked')
    const direct = `import socket; s = socket.create_connection(('127.0.0.2', ${port}), 3)`
    expect(await run(session.id, `python3 -c "${direct}" || echo blocked`)).toContain('blocked')
    expect(seen).toEqual([])
  })

  it('is found by the programs that are there', async () => {
    const { session } = await sessionIn({ type: 'unrestricted' })
    const python = `import urllib.request; print(urllib.request.urlopen('http://127.0.0.2:${port}/python').read().decode())`
    expect(await run(session.id, `python3 -c "${python}"`)).toContain('origin at /python')
  })
})

describe('a limited environment', () => {
  it('reaches the hosts that it names and says which setting would allow another', async () => {
    const { session } = await sessionIn({ type: 'limited', allowed_hosts: ['127.0.0.2'] })
    expect(await run(session.id, `${curl} http://127.0.0.2:${port}/named`)).toContain('origin at /named')
    const denied = await run(session.id, `${curl} http://example.com/; ${curl} https://example.com/ || true`)
    expect(denied).toContain('config.networking')
    expect(denied).toContain('403')
  })

  it('follows a change of the environment at once, without a new container', async () => {
    const { session, environment } = await sessionIn({ type: 'limited', allowed_hosts: ['127.0.0.2'] })
    expect(await run(session.id, `export kept=yes; ${curl} http://127.0.0.2:${port}/before`)).toContain('/before')
    await host.client.beta.environments.update(environment.id, {
      config: { type: 'cloud', networking: { type: 'limited', allowed_hosts: ['example.com'] } },
    })
    const output = await run(session.id, `echo kept: $kept; ${curl} http://127.0.0.2:${port}/after`)
    expect(output).toContain('kept: yes')
    expect(output).toContain('config.networking')
  })

  it('without any host has no network at all', async () => {
    const { session } = await sessionIn({ type: 'limited' })
    expect(await run(session.id, `env | grep -ci proxy; ${curl} http://127.0.0.2:${port}/ || echo blocked`)).toMatch(
      /"0\\n.*blocked/,
    )
  })
})

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keepWhole } from '../../activities/large-results.ts'
import { converse, lastText } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'
import { said, startMcpServer, type TestMcpServer } from '../support/mcp-server.ts'

const long = Array.from({ length: 40_000 }, (_, index) => `line ${index + 1}`).join('\n')

let host: TestHost
let server: TestMcpServer
const web = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end(long))
beforeAll(async () => {
  host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.1'] } } })
  server = await startMcpServer({
    tools: [
      { name: 'long', annotations: { readOnlyHint: true }, run: () => said(long) },
      { name: 'parts', run: () => ({ content: [...said(long).content, { type: 'text', text: 'the end' }] }) },
    ],
  })
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
})
afterAll(async () => {
  await host?.remove()
  await server?.close()
  web.close()
})

async function sessionWith(toolset: { default_config?: { enabled: boolean }; configs?: { name: 'bash' }[] } = {}) {
  const agent = await host.client.beta.agents.create({
    name: 'Reader',
    model: 'claude-opus-5',
    tools: [
      { type: 'agent_toolset_20260401', ...toolset },
      {
        type: 'mcp_toolset',
        mcp_server_name: 's',
        default_config: { permission_policy: { type: 'always_allow' } },
      },
    ],
    mcp_servers: [{ type: 'url', name: 's', url: server.url }],
  })
  return host.client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
}

type Shown = { content: { text: string }[]; is_error: boolean }
async function resultOf(sessionId: string, tool: string, input: object = {}) {
  const events = await converse(host.client, sessionId, `#tool ${tool} ${JSON.stringify(input)}\n#say done`)
  const result = events.find(({ type }) => /_result$/.test(type)) as unknown as Shown
  const texts = result.content.map(({ text }) => text)
  return { ...result, texts, file: /characters are in ([^\s.]+\/\.tool-output\/\S+\.txt)\./.exec(texts.at(-1)!)?.[1] }
}
const inContainer = async (sessionId: string, command: string) =>
  lastText(await converse(host.client, sessionId, `#bash ${command}\n#say {{last}}`))

describe('a result that is too long for the model', () => {
  it('of an MCP tool is a file of a container that is made for it', async () => {
    const session = await sessionWith()
    const { texts, file, is_error } = await resultOf(session.id, 'mcp__s__long')
    expect(is_error).toBe(false)
    expect(texts[0]).toBe(long.slice(0, 100_000))
    expect(texts).toHaveLength(2)
    expect(texts[1]).toContain(`longer than 100000 characters: all ${long.length} characters are in`)
    expect(await inContainer(session.id, `wc -c <${file}; tail -n 1 ${file}`)).toContain(`${long.length}\nline 40000`)
  })

  it('of several parts is whole in the file', async () => {
    const session = await sessionWith()
    const { file } = await resultOf(session.id, 'mcp__s__parts')
    expect(await inContainer(session.id, `tail -n 2 ${file}`)).toContain('line 40000\nthe end')
  })

  it('of web_fetch is one too, with where it is from', async () => {
    const session = await sessionWith()
    const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`
    const { texts, file } = await resultOf(session.id, 'web_fetch', { url })
    expect(texts[0]).toHaveLength(100_000)
    expect(await inContainer(session.id, `head -n 1 ${file}; tail -n 1 ${file}`)).toContain(`URL: ${url}\nline 40000`)
  })

  it('is only cut for an agent that could not read the file', async () => {
    const session = await sessionWith({ default_config: { enabled: false } })
    const { texts, file } = await resultOf(session.id, 'mcp__s__long')
    expect(file).toBeUndefined()
    expect(texts[1]).toBe('[The result was longer than 100000 characters; the rest of the text is left out.]')
  })

  it('stays a result when there is no container to keep it', async () => {
    const shown = { content: [{ type: 'text' as const, text: 'beginning' }], is_error: false, outcome: 'done' as const }
    const toolset = { name: 'agent_toolset_20260401' }
    const tools = [{ type: toolset.name, default_config: { enabled: true }, configs: [] }] as never
    const result = await keepWhole(
      { ...shown, whole: 'beginning and end' },
      {
        call: { toolUseId: 'sevt_1', attempt: 1 },
        agent: { tools },
        open: () => Promise.reject(new Error('no container')),
        signal: new AbortController().signal,
      },
    )
    expect(result).toMatchObject({ is_error: false, outcome: 'done' })
    expect(result.content[1]).toMatchObject({ text: expect.stringContaining('the rest of the text is left out') })
    expect(result).not.toHaveProperty('whole')
  })
})

import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { containersRoot, SessionFolder } from '../../activities/container/keeper/session-folder.ts'
import { converse, lastText, listed, message, typesOf } from '../support/conversation.ts'
import { until } from '../support/until.ts'
import type { World } from './world.ts'

export function eventConformance(world: World): void {
  const create = async (tools?: object[]) => {
    const { client, host } = world
    const agent = tools
      ? await client.beta.agents.create({ name: 'Tools', model: 'claude-opus-5', tools: tools as never })
      : { id: host.agent }
    return client.beta.sessions.create({ agent: agent.id, environment_id: host.environment })
  }
  const weather = {
    type: 'custom',
    name: 'weather',
    description: 'The weather.',
    input_schema: { type: 'object', properties: { city: { type: 'string' } } },
  } as const

  describe('events', () => {
    it('of a turn with thoughts, tools and previews are streamed and listed', async () => {
      const { client } = world
      const { id } = await create()
      const script = '#think hm\n#text I look.\n#bash echo found\n#say {{last}} it'
      const streamed = await converse(client, id, script, { deltas: ['agent.message', 'agent.thinking'] })
      const events = await listed(client, id)
      expect(typesOf(streamed)).toContain('event_delta')
      expect(lastText(events)).toContain('found')
      expect(typesOf(events).slice(0, 4)).toEqual([
        'user.message',
        'session.status_running',
        'session.thread_status_running',
        'span.model_request_start',
      ])
    })

    it('of a call that asks go through a confirmation, and end with an interrupt', async () => {
      const { client } = world
      const ask = { permission_policy: { type: 'always_ask' } }
      const { id } = await create([{ type: 'agent_toolset_20260401', default_config: ask }])
      const asked = await converse(client, id, '#bash echo ran\n#bash echo never\n#say end')
      const use = asked.find((event) => event.type === 'agent.tool_use')!
      const answered = await converse(client, id, [
        { type: 'user.tool_confirmation', tool_use_id: use.id, result: 'allow' },
      ])
      expect(answered.at(-1)).toMatchObject({ stop_reason: { type: 'requires_action' } })
      const ended = await converse(client, id, [{ type: 'user.interrupt' }])
      expect(ended.at(-1)).toMatchObject({ stop_reason: { type: 'end_turn' } })
    })

    it('of a custom tool are answered by the client, with a note of the system', async () => {
      const { client } = world
      const { id } = await create([weather])
      const asked = await converse(client, id, '#tool weather {"city":"Bonn"}\n#say thanks')
      const use = asked.find((event) => event.type === 'agent.custom_tool_use')!
      const answer = { type: 'user.custom_tool_result', custom_tool_use_id: use.id } as const
      const events = await converse(client, id, [
        { ...answer, content: [{ type: 'text', text: 'sunny' }] },
        { type: 'system.message', content: [{ type: 'text', text: 'Be brief.' }] },
      ])
      expect(lastText(events)).toContain('thanks')
      expect(JSON.stringify(world.host.model.requests.at(-1)!.body.messages)).toContain('sunny')
    })

    it('of a custom tool are answered by the tool runner of the SDK', async () => {
      const { client } = world
      const { id } = await create([weather])
      const tool = { ...weather, parse: (input: unknown) => input, run: () => 'rainy' }
      const runner = client.beta.sessions.events.toolRunner(id, { tools: [tool as never] })
      await client.beta.sessions.events.send(id, { events: [message('#tool weather {}\n#say it is {{last}}')] })
      for await (const call of runner) {
        expect(call).toMatchObject({ name: 'weather', isError: false, posted: true })
        break
      }
      await until(async () => lastText(await listed(client, id)).includes('rainy'))
    })

    it.each([
      ['529', 'model_overloaded_error'],
      ['429', 'model_rate_limited_error'],
      ['500', 'model_request_failed_error'],
    ])('of a model that answers %s tell of %s and the return', async (fault, type) => {
      const { client } = world
      const { id } = await create()
      const events = await converse(client, id, `#fault ${fault}\n#say back`)
      expect(events.find((event) => event.type === 'session.error')).toMatchObject({ error: { type } })
      expect(typesOf(events)).toEqual(
        expect.arrayContaining(['session.status_rescheduled', 'session.thread_status_rescheduled']),
      )
      expect(lastText(events)).toContain('back')
    })

    it('of a turn without end tell of the limit', async () => {
      const { client } = world
      const { id } = await create()
      const events = await converse(client, id, '#bash true\n'.repeat(9))
      expect(events.find((event) => event.type === 'session.error')).toMatchObject({
        error: { type: 'tool_use_limit_reached_error' },
      })
    })

    it('of a lost worker tell of an unknown error', async () => {
      const { client, host } = world
      const { id } = await create()
      const { workspace } = new SessionFolder(await containersRoot(host.dataDir), id).layout
      const script = '#bash touch begun; while [ ! -e go ]; do sleep 0.05; done\n#say end'
      const events = await converse(client, id, script, {
        onEvent: async (event) => {
          if (event.type === 'session.error') await writeFile(path.join(workspace, 'go'), '')
          if (event.type !== 'agent.tool_use') return
          await until(() => existsSync(path.join(workspace, 'begun')))
          for (const pid of host.workerPids) process.kill(pid, 'SIGKILL')
        },
      })
      expect(events.find((event) => event.type === 'session.error')).toMatchObject({ error: { type: 'unknown_error' } })
    })

    it('tell of changes, of the end, and of the deletion', async () => {
      const { client } = world
      const { id } = await create()
      await client.beta.sessions.update(id, { title: 'new' })
      await until(async () => typesOf(await listed(client, id)).includes('session.updated'))
      await client.beta.sessions.archive(id)
      await until(async () => typesOf(await listed(client, id)).includes('session.status_terminated'))
      const other = await create()
      const stream = await client.beta.sessions.events.stream(other.id)
      await client.beta.sessions.delete(other.id)
      const last = []
      for await (const event of stream) last.push(event.type)
      expect(last.at(-1)).toBe('session.deleted')
    })
  })
}

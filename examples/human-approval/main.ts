/** An agent asks before it acts; the answer comes days later, after everything was shut down in between. */
import Anthropic from '@anthropic-ai/sdk'
import { startScriptedModel } from 'holdfast/testing'
import { isReal, model, task } from '../model.ts'
import { openProject } from './host.ts'

const scripted = isReal ? undefined : await startScriptedModel()
const project = await openProject(scripted ? { ANTHROPIC_API_KEY: 'scripted', ANTHROPIC_BASE_URL: scripted.url } : {})
const client = new Anthropic({ apiKey: 'none', authToken: null, baseURL: project.url })
let stop = await project.start()
try {
  console.log('Monday. The agent works, and asks before it runs anything.')
  const agent = await client.beta.agents.create({
    name: 'Careful',
    model,
    tools: [
      {
        type: 'agent_toolset_20260401',
        configs: [{ name: 'bash', permission_policy: { type: 'always_ask' } }],
      },
    ],
  })
  const environment = await client.beta.environments.create({ name: 'approvals' })
  const session = await client.beta.sessions.create({ agent: agent.id, environment_id: environment.id })
  const text = task('Delete the folder /workspace/old, with one call of bash, and say what you did.', [
    '#bash rm -rf /workspace/old && echo deleted',
    '#say Done: {{last}}',
  ])
  await client.beta.sessions.events.send(session.id, {
    events: [{ type: 'user.message', content: [{ type: 'text', text }] }],
  })
  const [question] = await pending(session.id, true)
  console.log(`  it wants to run: ${JSON.stringify(question!.input)}`)

  console.log('Monday, later. Everything is shut down: the API, the workers, Temporal.')
  await stop()

  console.log('Thursday. Everything is started again. The question is still there.')
  stop = await project.start()
  const { status } = await client.beta.sessions.retrieve(session.id)
  const [still] = await pending(session.id, false)
  console.log(`  the session is ${status}, and asks for ${JSON.stringify(still!.input)}`)

  const stream = await client.beta.sessions.events.stream(session.id)
  await client.beta.sessions.events.send(session.id, {
    events: [{ type: 'user.tool_confirmation', tool_use_id: still!.id, result: 'allow' }],
  })
  console.log('  allowed.')
  for await (const event of stream) {
    if (event.type === 'agent.message')
      console.log(`  ${event.content.map((block) => ('text' in block ? block.text : '')).join('')}`)
    if (event.type === 'session.status_idle') break
  }
} finally {
  await stop()
  await scripted?.close()
  await project.remove()
}

/** The calls that wait for an answer: an idle session names them in its stop reason. */
async function pending(id: string, wait: boolean) {
  for (;;) {
    const events = []
    for await (const event of client.beta.sessions.events.list(id)) events.push(event)
    const idle = events.findLast((event) => event.type === 'session.status_idle')
    if (idle?.stop_reason.type === 'requires_action') {
      const asked = new Set(idle.stop_reason.event_ids)
      return events.filter((event) => event.type === 'agent.tool_use').filter((event) => asked.has(event.id))
    }
    if (!wait) throw new Error('nothing waits for an answer')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

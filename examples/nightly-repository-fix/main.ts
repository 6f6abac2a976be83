/** Every night a session clones a repository, runs its tests, mends what is broken, and pushes a branch. */
import assert from 'node:assert/strict'
import { setTimeout as wait } from 'node:timers/promises'
import { startTestHost } from 'holdfast/testing'
import { z } from 'zod'
import { startGitServer } from '../../testing/git-server.ts'
import { model, modelVariables, task } from '../model.ts'

// A git host of our own, so that this runs anywhere. Yours is https://github.com/org/repo, with a token for it.
const git = await startGitServer()
const token = crypto.randomUUID()
const files = {
  'total.sh': 'echo $(($1 + $1))\n',
  'test.sh':
    '[ "$(bash total.sh 2 3)" = 5 ] || { echo "2 + 3 is not $(bash total.sh 2 3)"; exit 1; }\necho all tests pass\n',
}
await git.createWith('shop', files, { token })

const host = await startTestHost({ env: modelVariables, config: { egress: { allowPrivate: ['127.0.0.1'] } } })
try {
  const { holdfast } = host
  const agent = await holdfast.agents.create({
    name: 'Night shift',
    model,
    system: 'You keep repositories working. Change as little as possible.',
    tools: [{ type: 'agent_toolset_20260401' }],
  })
  const environment = await holdfast.environments.create({ name: 'night' })

  const text = task(
    'Run test.sh of the repository in /workspace/shop. If it fails, mend the cause, commit on the branch fix/night and push ' +
      'that branch. End with {"branch": string | null, "summary": string} and nothing else.',
    [
      '#bash cd /workspace/shop && bash test.sh',
      "#bash cd /workspace/shop && sed -i 's/[$]1 + [$]1/$1 + $2/' total.sh && bash test.sh",
      '#bash cd /workspace/shop && git checkout -q -b fix/night && git commit -qam "Add both numbers" && git push -q origin fix/night && echo pushed',
      '#say {"branch": "fix/night", "summary": "total.sh added the first number to itself"}',
    ],
  )
  const schedule = await holdfast.schedules.create({
    id: 'nightly-shop',
    schedule: { type: 'cron', expression: '0 3 * * *', timezone: 'Europe/Oslo' },
    overlap: 'skip',
    action: {
      type: 'create_session',
      session: {
        title: 'Nightly: shop',
        agent: agent.id,
        environment_id: environment.id,
        // The token stays outside of the container; git inside reaches this one repository through the gateway.
        resources: [{ type: 'github_repository', url: `${git.url}/shop`, authorization_token: token }],
        initial_events: [{ type: 'user.message', content: [{ type: 'text', text }] }],
      },
    },
  })
  console.log(`scheduled; the next run is at ${schedule.upcoming_runs_at[0]}`)

  console.log('not waiting for the night:')
  await holdfast.schedules.trigger(schedule.id)
  const session = holdfast.session(await started())
  for await (const { event } of session.events()) {
    if (event.type === 'agent.tool_use') console.log(`  $ ${event.input.command ?? event.name}`)
    if (event.type === 'agent.tool_result') console.log(`  ${JSON.stringify(event.content).slice(0, 200)}`)
    if (event.type === 'session.status_idle') break
  }
  const { branch, summary } = await session.result(z.object({ branch: z.string().nullable(), summary: z.string() }))
  console.log(`${branch}: ${summary}`)
  assert(branch !== null)
  console.log(await git.show('shop', branch, 'total.sh'))

  /** Id of the session that the schedule started. */
  async function started(): Promise<string> {
    for (;;) {
      const { data } = await holdfast.sessions.list()
      const found = data.find(({ title }) => title === 'Nightly: shop')
      if (found) return found.id
      await wait(100)
    }
  }
} finally {
  await host.remove()
  await git.close()
}

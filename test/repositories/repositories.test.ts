import type Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GitServer, startGitServer } from '../../testing/git-server.ts'
import { skillText } from '../skills/support.ts'
import { converse, lastText } from '../support/conversation.ts'
import { startTestHost, type TestHost } from '../support/host.ts'

let host: TestHost
let git: GitServer
beforeAll(async () => {
  git = await startGitServer()
  host = await startTestHost({ config: { egress: { allowPrivate: ['127.0.0.1'] } } })
})
afterAll(async () => {
  await host.remove()
  await git.close()
})

type Repository = Omit<Anthropic.Beta.Sessions.BetaManagedAgentsGitHubRepositoryResourceParams, 'type' | 'url'>
let count = 0
/** A repository of its own on the server, and a session that has it. */
async function sessionWith(options: Repository & { token?: string; commit?: 'first' } = {}) {
  const { token, commit, ...params } = options
  const name = `team/repo-${++count}`
  const commits = await git.create(name, token === undefined ? {} : { token })
  const checkout = commit ? { type: 'commit' as const, sha: commits[commit] } : params.checkout
  const url = `${git.url}/${name}`
  const session = await host.client.beta.sessions.create({
    agent: host.agent,
    environment_id: host.environment,
    resources: [{ type: 'github_repository', url, ...params, ...(checkout && { checkout }) }],
  })
  const [resource] = session.resources
  if (resource?.type !== 'github_repository') throw new Error('no repository')
  return { id: session.id, name, place: `/workspace/repo-${count}`, url, commits, resource }
}

async function run(id: string, command: string) {
  const events = await converse(host.client, id, `#bash ${command}`)
  const errors = events.flatMap((event) => (event.type === 'session.error' ? [event.error] : []))
  const result = events.find((event) => event.type === 'agent.tool_result')
  const text = (result?.content ?? []).map((block) => (block.type === 'text' ? block.text : '')).join('\n')
  return { text, errors, last: lastText(events) }
}

describe('a repository of a session', () => {
  it('is checked out below /workspace before the first command, on its default branch', async () => {
    const { id, place, url, commits, resource } = await sessionWith()
    expect(resource).toMatchObject({ url, mount_path: place })
    const { text, errors } = await run(
      id,
      'pwd; cd repo-* && cat README; git status -sb; git log --format=%H -1; git config remote.origin.url',
    )
    expect(errors).toEqual([])
    expect(text).toContain(`main of team/repo-`)
    expect(text).toContain('## main...origin/main')
    expect(text).toContain(commits.main)
    // The address is the original one, not the way that the request takes.
    expect(text).toContain(url)
  })

  it('is checked out on a branch, or at a commit, at the place that was asked for', async () => {
    const branch = await sessionWith({ checkout: { type: 'branch', name: 'feature' }, mount_path: '/workspace/a/b' })
    expect((await run(branch.id, 'cd a/b && cat README; git status -sb')).text).toMatch(
      /feature of .*\n?## feature\.\.\.origin\/feature/,
    )
    const commit = await sessionWith({ commit: 'first' })
    const { text } = await run(commit.id, `cd ${commit.place} && cat README; git rev-parse HEAD; git status -s -b`)
    expect(text).toContain(`${commit.commits.first}\n## HEAD (no branch)`)
  })

  it('that is private is fetched and pushed to with the token, which nobody inside sees', async () => {
    const { id, name, place } = await sessionWith({ token: 'tok-one', authorization_token: 'tok-one' })
    await run(id, `cd ${place}`)
    await git.commit(name, 'main', 'newer')
    const push = 'git pull -q && cat README && echo pushed > README && git commit -qam by-agent && git push -q; echo $?'
    expect((await run(id, push)).text).toMatch(/newer\n?0$/)
    expect(await git.show(name, 'main', 'README')).toBe('pushed')
  })

  it('is the only one that is reached with its token', async () => {
    const { id, place, url } = await sessionWith({ token: 'tok-two', authorization_token: 'tok-two' })
    await git.create('team/other', { token: 'tok-two' })
    await run(id, `cd ${place}`)
    git.requests.length = 0
    const other = url.replace(/repo-\d+$/, 'other')
    const route = '$(sed -n \'s/.url "\\(.*\\)"./\\1/p\' /etc/gitconfig)'
    const tries = [
      `git clone -q ${other} o1`,
      `git clone -q ${route}/../other o2`,
      `git clone -q ${route}/%2e%2e/other o3`,
      `git clone -q ${route}-other o4`,
      `git -c http.followRedirects=true ls-remote ${route}/..%2fother`,
    ]
    const { text } = await run(id, `cd /workspace; ${tries.map((command) => `${command}; echo =$?`).join('; ')}; ls -A`)
    expect(text.match(/=\d+/g)).toHaveLength(tries.length)
    expect(text).not.toContain('=0')
    expect(git.requests.filter((request) => request.path.includes('other') && request.authorized)).toEqual([])
  })

  it('does not stand in the way of another whose address begins like its own', async () => {
    const { id, name, url } = await sessionWith({ token: 'tok-three', authorization_token: 'tok-three' })
    await git.create(`${name}-extra`)
    git.requests.length = 0
    expect((await run(id, `git clone -q ${url}-extra extra && cat extra/README`)).text).toContain('main of')
    expect(git.requests.filter(({ path, authorized }) => path.includes('-extra') && authorized)).toEqual([])
  })

  it('that cannot be had is told to the model and as an error, once; the session goes on, a new token heals it', async () => {
    const { id, place, url, resource } = await sessionWith({ token: 'right', authorization_token: 'wrong' })
    const first = await run(id, 'echo works')
    expect(first.text).toContain('works')
    expect(first.text).toContain(`The repository ${url} could not be checked out in ${place}`)
    expect(first.errors).toEqual([
      {
        type: 'repository_authentication_error',
        repository_url: url,
        message: expect.stringContaining('authorization_token'),
        retry_status: { type: 'retrying' },
      },
    ])
    const second = await run(id, 'ls -A /workspace; echo still')
    expect(second).toMatchObject({ text: 'still', errors: [] })
    const updated = await host.client.beta.sessions.resources.update(resource.id, {
      session_id: id,
      authorization_token: 'right',
    })
    expect(updated).toEqual({ ...resource, updated_at: expect.any(String) })
    const healed = await run(id, `cat ${place}/README`)
    expect(healed.text).toContain('is now checked out')
    expect(healed.text).toContain('main of')
  })

  it.each([
    ['repository_not_found_error', 'no/such', undefined],
    ['repository_forbidden_error', 'team/forbidden', undefined],
    ['repository_checkout_error', 'team/open', { type: 'branch' as const, name: 'none' }],
    // An address that nobody may reach.
    ['repository_clone_error', 'https://10.255.255.1/no/way', undefined],
  ])('that fails with %s leaves nothing behind', async (type, name, checkout) => {
    if (name === 'team/forbidden') await git.create(name, { token: 'forbidden-later' })
    if (name === 'team/forbidden') git.setToken(name, 'forbidden')
    if (name === 'team/open') await git.create(name)
    const url = name.startsWith('https:') ? name : `${git.url}/${name}`
    const session = await host.client.beta.sessions.create({
      agent: host.agent,
      environment_id: host.environment,
      resources: [{ type: 'github_repository', url, ...(checkout && { checkout }) }],
    })
    const { text, errors } = await run(session.id, 'ls -A /workspace; echo end')
    expect(errors).toMatchObject([{ type, repository_url: url }])
    expect(text).toMatch(/\]\n?end$/)
    expect(text).not.toContain('127.0.0.1:3128')
  })

  it('is reached with a new token at once when it was rotated, in the container that runs', async () => {
    const { id, name, place, resource } = await sessionWith({ token: 'old', authorization_token: 'old' })
    expect((await run(id, `sleep 1000 & job=$!; cd ${place}; git fetch && echo fine`)).text).toContain('fine')
    git.setToken(name, 'new')
    expect((await run(id, 'git fetch -q; echo =$?')).text).not.toContain('=0')
    await host.client.beta.sessions.resources.update(resource.id, { session_id: id, authorization_token: 'new' })
    expect((await run(id, 'git fetch -q; echo =$?; kill -0 $job && echo same shell')).text).toMatch(/=0\n?same shell/)
  })

  it('is told to the agent: address, place and branch', async () => {
    const { id, url, place } = await sessionWith({ checkout: { type: 'branch', name: 'feature' } })
    await converse(host.client, id, '#say hello')
    const request = host.model.requests.at(-1) as unknown as { body?: unknown }
    expect(JSON.stringify(request)).toContain(`- ${place}: ${url} (branch feature)`)
  })
})

/** A session on a repository with these files. */
async function sessionOn(files: Record<string, string>, agent = host.agent) {
  const name = `team/repo-${crypto.randomUUID().slice(0, 8)}`
  await git.createWith(name, files)
  return host.client.beta.sessions.create({
    agent,
    environment_id: host.environment,
    resources: [{ type: 'github_repository', url: `${git.url}/${name}`, mount_path: '/workspace/repo' }],
  })
}

const systemPrompt = () => JSON.stringify((host.model.requests.at(-1)!.body as { system: unknown }).system)

describe('the skills of a mounted repository', () => {
  const skills = '.claude/skills'

  it('are told of with the first result, once, and are read where they are', async () => {
    const { id } = await sessionOn({
      [`${skills}/deploy/SKILL.md`]: skillText('deploy', 'Deploys to production.', 'Run make deploy.\n'),
      [`${skills}/claude-review/SKILL.md`]: skillText('claude-review', 'Reviews.'),
      // Not one level deep, not of that name, without a description, without an end.
      [`${skills}/group/deeper/SKILL.md`]: skillText('deeper', 'hidden'),
      [`${skills}/lower/skill.md`]: skillText('lower', 'hidden'),
      [`${skills}/bare/SKILL.md`]: '---\nname: bare\n---\n',
      [`${skills}/open/SKILL.md`]: `---\ndescription: hidden\n${'#\n'.repeat(5000)}`,
      [`${skills}/SKILL.md`]: skillText('top', 'hidden'),
    })
    const { text } = await run(id, 'echo works')
    const prompt = systemPrompt()
    const place = '/workspace/repo/.claude/skills'
    expect(text).toContain(
      `\n- ${place}/claude-review/SKILL.md: Reviews.\n- ${place}/deploy/SKILL.md: Deploys to production.]`,
    )
    expect(text).toMatch(/works$/)
    for (const hidden of ['hidden', 'bare']) expect(text).not.toContain(hidden)
    const read = `#tool read {"file_path":"${place}/deploy/SKILL.md"}\n#say {{last}}`
    const second = lastText(await converse(host.client, id, read))
    expect(second).toContain('Run make deploy.')
    expect(second).not.toContain('has skills')
    // The prompt cache needs it.
    expect(systemPrompt()).toBe(prompt)
  })

  it('are not told of to an agent that cannot read', async () => {
    const configs = [{ name: 'read' as const, enabled: false }]
    const tools = [{ type: 'agent_toolset_20260401' as const, configs }]
    const agent = await host.client.beta.agents.create({ name: 'Blind', model: 'claude-opus-5', tools })
    const { id } = await sessionOn({ [`${skills}/deploy/SKILL.md`]: skillText('deploy', 'Deploys.') }, agent.id)
    const { text } = await run(id, 'ls -d repo/.claude/skills/*')
    expect(text).toContain('repo/.claude/skills/deploy')
    expect(text).not.toContain('has skills')
  })

  it('do no harm when they are made to', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => {
        const name = `s${String(index).padStart(2, '0')}`
        return [`${skills}/${name}/SKILL.md`, skillText(name, 'x'.repeat(1000), 'y')]
      }),
    )
    const nested = `---\ndescription: x\na: ${'['.repeat(4000)}\n---\n`
    const { id } = await sessionOn({ ...files, [`${skills}/a-nested/SKILL.md`]: nested })
    const { text } = await run(id, 'echo works')
    expect(text).toContain('repo/.claude/skills/s00/SKILL.md')
    expect(text).not.toContain('repo/.claude/skills/s59/SKILL.md')
    expect(text).not.toContain('a-nested')
    expect(text).toMatch(/works$/)
  })
})

import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { containersRoot } from '../../activities/container/keeper/session-folder.ts'
import { type GitServer, startGitServer } from '../../testing/git-server.ts'
import { converse, lastText, listed } from '../support/conversation.ts'
import { keeperPid, startTestHost, type TestHost } from '../support/host.ts'

const token = 'ghp_TheTokenThatNobodySees0123456789'
const encoded = Buffer.from(`x-access-token:${token}`).toString('base64')
// Any part that is long enough to be no accident.
const traces = [token, encoded.slice(4, -4), Buffer.from(token).toString('hex'), encodeURIComponent(token).slice(3)]

let host: TestHost
let git: GitServer
beforeAll(async () => {
  git = await startGitServer()
  // A server of its own: its database is in the data folder, unencrypted.
  host = await startTestHost({ temporal: 'own', config: { egress: { allowPrivate: ['127.0.0.1'] } } })
})
afterAll(async () => {
  await host.remove()
  await git.close()
})

async function filesWithTraces(folder: string): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    if (!entry.isFile()) continue
    const content = await readFile(file).catch(() => Buffer.alloc(0))
    if (traces.some((trace) => content.includes(trace))) found.push(file)
  }
  return found
}

it('a repository token is in no file, history, log, error, environment or process of the container', async () => {
  await git.create('team/secret', { token })
  await git.create('team/refused', { token: 'another' })
  const session = await host.client.beta.sessions.create({
    agent: host.agent,
    environment_id: host.environment,
    resources: [
      { type: 'github_repository', url: `${git.url}/team/secret`, authorization_token: 'ghp_first' },
      { type: 'github_repository', url: `${git.url}/team/refused`, authorization_token: token },
    ],
  })
  const [resource] = session.resources as { id: string }[]
  await host.client.beta.sessions.resources.update(resource!.id, { session_id: session.id, authorization_token: token })
  // What can be seen inside is left in the workspace, which is searched from outside with everything else.
  const inside = [
    'cd /workspace/secret && GIT_TRACE_CURL=/workspace/trace git fetch origin; echo fetched $?',
    'cat /proc/*/environ /proc/*/cmdline > /workspace/processes 2>/dev/null',
    '(env; git config --list; cat /etc/gitconfig /proc/self/mountinfo; ls -lR /run/holdfast) > /workspace/settings',
    'cp -r /tmp /workspace/tmp; wc -c < /workspace/trace; echo end',
  ].join('; ')
  const text = lastText(await converse(host.client, session.id, `#bash ${inside}`))
  expect(text).toMatch(/fetched 0\n[1-9]\d*\nend$/)
  const control = path.join(host.dataDir, 'control')
  await writeFile(control, `before ${token} after`)
  expect(await filesWithTraces(host.dataDir)).toEqual([control])
  await rm(control)

  const seen = JSON.stringify([
    text,
    await listed(host.client, session.id),
    await host.client.beta.sessions.retrieve(session.id),
    (await host.client.beta.sessions.resources.list(session.id)).data,
    (await host.holdfast.runtime.logs.get(session.id).newest()).facts,
    host.model.requests,
    host.lines,
  ])
  for (const trace of traces) expect(seen).not.toContain(trace)
  for (const folder of [host.dataDir, await containersRoot(host.dataDir)]) {
    expect(await filesWithTraces(folder)).toEqual([])
  }
  for (const pid of [...host.workerPids, await keeperPid(host)]) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1')
    for (const trace of traces) expect(environment).not.toContain(trace)
  }
  expect((await stat(path.join(host.dataDir, 'secret.key'))).mode & 0o777).toBe(0o600)

  expect(Object.keys(await host.holdfast.runtime.records.sessions.secrets(session.id))).toHaveLength(2)
  await host.client.beta.sessions.delete(session.id)
  await expect
    .poll(async () => Object.keys(await host.holdfast.runtime.records.sessions.secrets(session.id)), {
      timeout: 20_000,
    })
    .toEqual([])
})

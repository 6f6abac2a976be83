import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { containersRoot } from '../../activities/container/keeper/session-folder.ts'
import { converse, lastText, listed } from '../support/conversation.ts'
import { keeperPid, startTestHost, type TestHost } from '../support/host.ts'
import { type SecretOrigin, startSecretOrigin } from '../support/secret-origin.ts'

const secret = 'sk_TheSecretThatNobodySees0123456789'
const encoded = Buffer.from(`user:${secret}`).toString('base64')
// Any part that is long enough to be no accident.
const traces = [secret, encoded.slice(8, -4), Buffer.from(secret).toString('hex')]

let host: TestHost
let origin: SecretOrigin
beforeAll(async () => {
  origin = await startSecretOrigin()
  host = await startTestHost({
    // A server of its own: its database is in the data folder, unencrypted.
    temporal: 'own',
    config: { egress: { allowPrivate: ['127.0.0.2'] } },
    env: { NODE_EXTRA_CA_CERTS: origin.certificateFile },
  })
})
afterAll(async () => {
  await host?.remove()
  await origin?.close()
})

async function filesWith(folder: string, wanted: string[]): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    if (!entry.isFile()) continue
    const content = await readFile(file).catch(() => Buffer.alloc(0))
    if (wanted.some((trace) => content.includes(trace))) found.push(file)
  }
  return found
}

it('a secret of a session is in no file, history, log, error, environment or process of its container; nor is the key of its authority', async () => {
  const vault = await host.client.beta.vaults.create({ display_name: 'Keys' })
  const auth = { type: 'environment_variable' as const, secret_name: 'API_KEY', secret_value: secret }
  const networking = { type: 'unrestricted' as const }
  await host.client.beta.vaults.credentials.create(vault.id, { auth: { ...auth, networking } })
  const { agent, environment: environment_id } = host
  const session = await host.client.beta.sessions.create({ agent, environment_id, vault_ids: [vault.id] })
  const url = `https://127.0.0.2:${origin.port}/`
  // What can be seen inside is left in the workspace, which is searched from outside with everything else.
  const inside = [
    `curl -sSv -u user:$API_KEY -H "x-key: $API_KEY" --trace-ascii /workspace/trace ${url}; echo`,
    // A server that cannot be verified, and one that is none.
    `curl -sS -H "x-key: $API_KEY" https://127.0.0.2:1/; curl -sS -H "host: other" -H "x-key: $API_KEY" ${url}`,
    'cat /proc/*/environ /proc/*/cmdline > /workspace/processes 2>/dev/null',
    '(env; cat /proc/self/mountinfo; ls -lR /run/holdfast; cat /run/holdfast/trust/*) > /workspace/settings',
    'cp -r /tmp /workspace/tmp; wc -c < /workspace/trace; echo end',
  ].join('; ')
  const text = lastText(await converse(host.client, session.id, `#bash ${inside}`))
  expect(text).toMatch(/\n[1-9]\d*\nend$/)
  expect(origin.received[0]!.headers).toMatchObject({ 'x-key': secret, authorization: `Basic ${encoded}` })

  const folders = [host.dataDir, await containersRoot(host.dataDir)]
  const control = path.join(host.dataDir, 'control')
  await writeFile(control, `before ${secret} after`)
  expect(await filesWith(host.dataDir, traces)).toEqual([control])
  await rm(control)
  for (const folder of folders) {
    const found = await filesWith(folder, [...traces, 'PRIVATE KEY'])
    // Where Node is out of the containers' reach it is copied, and it knows the word.
    const node = await readFile(process.execPath)
    const isNode = async (file: string) => node.equals(await readFile(file))
    for (const file of found) expect(await isNode(file), file).toBe(true)
  }
  const seen = JSON.stringify([
    text,
    await listed(host.client, session.id),
    await host.client.beta.sessions.retrieve(session.id),
    (await host.holdfast.runtime.logs.get(session.id).newest()).facts,
    host.model.requests,
    host.lines,
  ])
  for (const trace of traces) expect(seen).not.toContain(trace)
  for (const pid of [...host.workerPids, await keeperPid(host)]) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1')
    for (const trace of traces) expect(environment).not.toContain(trace)
  }
})

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type DoctorOptions, doctor } from '../../cli/doctor.ts'
import type { Finding } from '../../cli/finding.ts'
import { sharedTemporal } from '../support/temporal.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

async function examine(options: DoctorOptions) {
  const printed: string[] = []
  const code = await doctor({
    cwd: await temporaryFolder(),
    print: (text) => printed.push(text),
    json: true,
    ...options,
  })
  const text = printed.join('\n')
  const report = options.json === false ? undefined : (JSON.parse(text) as { ok: boolean; checks: Finding[] })
  return { code, text, report, check: (name: string) => report?.checks.find((finding) => finding.name === name) }
}

// Nothing of the machine's: no key, no Temporal CLI on PATH or in a cache.
const bare = async () => ({
  TEMPORAL_CONFIG_FILE: '/nonexistent/temporal.toml',
  PATH: '',
  XDG_CACHE_HOME: await temporaryFolder(),
})

describe('holdfast doctor', () => {
  it('looks at every requirement', async () => {
    const { report } = await examine({ env: await bare() })
    expect(report!.checks.map(({ name }) => name)).toEqual([
      'Node',
      'packages',
      'settings',
      'data',
      'records',
      'containers',
      'package managers',
      'Temporal',
      'model',
      'address',
    ])
  })

  it('gives the fix with what is not there', async () => {
    const { check } = await examine({ env: await bare() })
    expect(check('Temporal')).toMatchObject({ status: 'warning', fix: expect.stringContaining('TEMPORAL_ADDRESS') })
    expect(check('model')).toMatchObject({ status: 'warning', fix: expect.stringContaining('ANTHROPIC_API_KEY') })
  })

  it('finds the server that is configured', async () => {
    const { address } = sharedTemporal()
    const { check } = await examine({ env: { ...(await bare()), TEMPORAL_ADDRESS: address } })
    expect(check('Temporal')).toMatchObject({ status: 'ok', found: expect.stringContaining(address) })
  })

  it('says how to make a namespace that the server does not have, and exits with 1', async () => {
    const variables = { TEMPORAL_ADDRESS: sharedTemporal().address, TEMPORAL_NAMESPACE: 'nowhere' }
    const { check, code } = await examine({ env: { ...(await bare()), ...variables } })
    expect(check('Temporal')).toMatchObject({
      status: 'missing',
      found: expect.stringContaining('namespace create --namespace nowhere'),
    })
    expect(code).toBe(1)
  })

  it('exits with 1 at a wrong setting, and names it', async () => {
    const cwd = await temporaryFolder()
    await writeFile(path.join(cwd, 'temporal.config.mjs'), 'export default { server: { prot: 1 } }')
    const { check, code } = await examine({ cwd, env: await bare() })
    expect(check('settings')).toMatchObject({
      status: 'missing',
      found: expect.stringContaining('server.prot: no such setting'),
    })
    expect(code).toBe(1)
  })

  it('says that a port is taken', async () => {
    const listener = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void listener.close())
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    const { check } = await examine({ port, env: await bare() })
    expect(check('address')).toMatchObject({ status: 'warning', fix: expect.stringContaining('--port') })
  })

  it('never shows a key, in neither form', async () => {
    const env = {
      ...(await bare()),
      ANTHROPIC_API_KEY: 'sk-hidden',
      ANTHROPIC_BASE_URL: 'http://127.0.0.1:1',
      HOLDFAST_API_KEYS: 'key-hidden',
      HOLDFAST_RECORDS_URL: 'postgres://me:hidden@127.0.0.1:1/records',
    }
    for (const json of [true, false]) {
      const { text } = await examine({ env, json })
      expect(text).toContain('database records at 127.0.0.1:1 cannot be used')
      expect(text).toContain('a key is set')
      expect(text).not.toContain('hidden')
    }
  })
})

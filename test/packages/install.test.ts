import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BubblewrapProvider } from '../../activities/container/bubblewrap/provider.ts'
import { PackageLayers } from '../../activities/packages/package-layers.ts'
import { noPackages, type Packages } from '../../protocol/environments.ts'
import { until } from '../support/until.ts'
import { type Registries, startRegistries } from './registries.ts'

const MiB = 1024 * 1024
const limits = { memoryBytes: 2048 * MiB, pids: 256, cpus: 2, tmpBytes: 16 * MiB }
let root: string
let containers: BubblewrapProvider
let registries: Registries
beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'holdfast-packages-'))
  await chmod(root, 0o711)
  containers = new BubblewrapProvider({ dataDir: path.join(root, 'data') })
  registries = await startRegistries(path.join(root, 'registries'))
})
afterAll(async () => {
  await containers?.shutdown()
  await containers?.close()
  await registries?.[Symbol.asyncDispose]()
  await rm(root, { recursive: true, force: true })
})

let hosts = 0
/** Layers as a worker process has them; each with a store of its own unless it is told another's. */
function layersOf(directory = path.join(root, 'data', `packages-${++hosts}`)) {
  const { settings } = registries
  const options = { directory, containers, limits, allowPrivate: ['127.0.0.0/8'], timeoutMs: 120_000 }
  return new PackageLayers({ ...options, ...settings })
}

let sessions = 0
async function session(layers: PackageLayers, packages: Partial<Packages>, id = `sesn_packages${++sessions}`) {
  const { software, notices } = await layers.of({ ...noPackages, ...packages })
  const container = await containers.open({ sessionId: id, mounts: [], limits, ...(software && { software }), notices })
  let calls = 0
  return {
    id,
    notices: notices.map(({ text }) => text),
    bash: async (command: string) => {
      const call = {
        id: `sevt_${id}_${++calls}_${Date.now()}`,
        name: 'bash' as const,
        input: { command },
        timeoutMs: 60_000,
      }
      const { content } = await container.call(call)
      return content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
    },
  }
}

describe('packages of an environment', () => {
  it('of npm are there as programs and as modules', async () => {
    const { bash } = await session(layersOf(), { npm: ['shouter'] })
    expect(await bash(`shout hey; node -p "require('shouter')('you')"`)).toBe('HEY 2.0.0\nYOU 2.0.0')
  })

  it('of pip are there as programs and as modules', async () => {
    const { bash } = await session(layersOf(), { pip: ['whisperer'] })
    expect(await bash(`whisper HEY; python3 -c "import whisperer; print(whisperer.whisper('YOU'))"`)).toBe(
      'hey 2.0\nyou 2.0',
    )
  })

  it('of go are there as programs', async () => {
    const { bash } = await session(layersOf(), { go: ['example.com/greeter'] })
    expect(await bash('greeter')).toBe('greetings')
  })

  it('of apt are where they would be, with what they depend on', async () => {
    const { bash } = await session(layersOf(), { apt: ['holdfast-tool'] })
    expect(await bash('holdfast-tool; command -v holdfast-tool; /bin/holdfast-old; ls /usr/bin/env')).toBe(
      'words of data\nconfigured\n/usr/bin/holdfast-tool\nold\n/usr/bin/env',
    )
  })

  it('of apt are there by their alternatives, the best of each', async () => {
    const { bash } = await session(layersOf(), { apt: ['holdfast-tool=1.2'] })
    expect(await bash('tool; page')).toBe('best\npage')
  })

  it('are of the version that is asked for, in the syntax of the manager', async () => {
    const { bash } = await session(layersOf(), { npm: ['shouter@1.0.0'], pip: ['whisperer<2'] })
    expect(await bash('shout hey; whisper HEY')).toBe('HEY 1.0.0\nhey 1.0')
  })

  it('are installed once for all sessions that want the same, also in two processes', async () => {
    const directory = path.join(root, 'data', 'shared')
    const [one, other] = [layersOf(directory), layersOf(directory)]
    registries.requests.length = 0
    const wanted = { pip: ['whisperer==1.0'] }
    const all = await Promise.all([session(one, wanted), session(one, wanted), session(other, wanted)])
    for (const { bash } of all) expect(await bash('whisper HEY')).toBe('hey 1.0')
    expect(registries.requests.filter((name) => name.startsWith('/wheels/'))).toHaveLength(1)
    expect(await readdir(directory)).toHaveLength(1)
  })

  it('cannot be changed from inside', async () => {
    const layers = layersOf()
    const { bash } = await session(layers, { npm: ['shouter'], apt: ['holdfast-data'] })
    const attempts = [
      'touch /opt/packages/npm/x',
      'echo x >> /opt/packages/npm/bin/shout',
      'touch /usr/share/holdfast-data/x',
    ]
    for (const attempt of attempts) expect(await bash(attempt)).toMatch(/Read-only file system|Permission denied/)
  })

  it('that do not exist are told of, the others are there, and the session works', async () => {
    const layers = layersOf()
    const { bash, notices } = await session(layers, { npm: ['no-such-package'], pip: ['whisperer'] })
    expect(notices).toEqual([
      expect.stringMatching(/npm packages \(no-such-package\) could not be installed[\s\S]*404/),
    ])
    expect(await bash('whisper HEY')).toMatch(/^\[The environment's npm packages [\s\S]*\]\nhey 2\.0$/)
    // Said once, and not asked for again with every call.
    expect(await bash('whisper HEY')).toBe('hey 2.0')
    registries.requests.length = 0
    await session(layers, { npm: ['no-such-package'] })
    expect(registries.requests).toEqual([])
  })

  it('of a manager that the host does not have are told of, with what to do', async () => {
    const { notices } = await session(layersOf(), { gem: ['rake'] })
    expect(notices).toEqual([expect.stringContaining('gem packages (rake) could not be installed')])
  })

  it('are nothing that a name can break out of', async () => {
    const name = `x'; touch /opt/packages/npm/broken; echo '$(touch /opt/packages/npm/broken)`
    const { notices, bash } = await session(layersOf(), { npm: [name] })
    expect(notices).toHaveLength(1)
    await bash('true')
    expect(await bash('ls /opt/packages/npm')).toContain('No such file')
  })

  it('that change are for the next container', async () => {
    const layers = layersOf()
    const first = await session(layers, { npm: ['shouter@1.0.0'] })
    expect(await first.bash('here=1; shout hey')).toBe('HEY 1.0.0')
    const changed = await session(layers, { npm: ['shouter@2.0.0'] }, first.id)
    expect(await changed.bash('echo $here; shout hey')).toBe('1\nHEY 1.0.0')
    await containers.stop(first.id)
    expect(await changed.bash('shout hey')).toMatch(/HEY 2\.0\.0$/)
  })

  it('are installed anew when an installation was broken off', async () => {
    const directory = path.join(root, 'data', 'killed')
    const release = registries.hold()
    const stop = new AbortController()
    const waiting = layersOf(directory).of({ ...noPackages, pip: ['whisperer'] }, stop.signal)
    registries.requests.length = 0
    await until(() => registries.requests.length > 0)
    // Who waits need not.
    stop.abort()
    expect((await waiting).software?.isComplete).toBe(false)
    const [name] = (await readdir(path.join(root, 'data', 'containers'))).filter((entry) =>
      entry.startsWith('packages_'),
    )
    await containers.stop(name!)
    release()
    const { bash } = await session(layersOf(directory), { pip: ['whisperer'] })
    expect(await bash('whisper HEY')).toBe('hey 2.0')
    expect(await readdir(directory)).toHaveLength(1)
  })
})

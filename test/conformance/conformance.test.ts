import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventTypes } from '../../protocol/events.ts'
import { operations } from '../../server/openapi/operations/all.ts'
import { packageRoot } from '../../worker/package-root.ts'
import { startTestHost } from '../support/host.ts'
import { agentConformance } from './agents.ts'
import { deploymentConformance } from './deployments.ts'
import { environmentConformance } from './environments.ts'
import { errorConformance } from './errors.ts'
import { eventConformance } from './events.ts'
import { fileConformance } from './files.ts'
import { elsewhere, errors, events, resources, sessionErrors } from './manifest.ts'
import { memoryStoreConformance } from './memory-stores.ts'
import { matches, notOffered } from './not-offered.ts'
import { Recorder, type Seen } from './recorder.ts'
import { methodsOf } from './sdk-methods.ts'
import { sessionResourceConformance } from './session-resources.ts'
import { sessionThreadConformance } from './session-threads.ts'
import { sessionConformance } from './sessions.ts'
import { skillConformance } from './skills.ts'
import { type Line, table } from './table.ts'
import { vaultConformance } from './vaults.ts'
import type { World } from './world.ts'

const world = { recorder: new Recorder() } as World

beforeAll(async () => {
  world.host = await startTestHost({ config: { session: { maxStepsPerTurn: 8 } } })
  world.client = world.recorder.client({ apiKey: 'none', baseURL: world.host.url })
})
afterAll(() => world.host?.remove())

agentConformance(world)
environmentConformance(world)
fileConformance(world)
sessionConformance(world)
sessionResourceConformance(world)
sessionThreadConformance(world)
memoryStoreConformance(world)
skillConformance(world)
vaultConformance(world)
deploymentConformance(world)
eventConformance(world)
errorConformance(world)

/** After all of them: what they met is compared with what there is. */
describe('the API', () => {
  const absent = notOffered()
  const lines = (names: readonly string[], seen: Seen): Line[] =>
    names.map((name) => {
      const by = seen.get(name) ?? (elsewhere[name] && new Set([elsewhere[name].file]))
      const reason = absent.find((row) => matches(row, name))?.reason
      return { name, ...(by && { by: [...by] }), ...(reason && { reason }) }
    })
  const { recorder } = world
  const all: Record<string, () => Line[]> = {
    'Methods of the SDK': () => lines(methodsOf(world.client, resources), recorder.methods),
    Events: () => lines(events, recorder.events),
    Errors: () => lines(errors, recorder.errors),
    'Errors of sessions': () => lines(sessionErrors, recorder.sessionErrors),
  }

  it.each(Object.keys(all))('is covered, or says why it is not: %s', (title) => {
    const found = all[title]!()
    // npm names the script: the table is for who asks for it.
    if (process.env.npm_lifecycle_event === 'conformance') console.log(`\n${table(title, found)}`)
    expect(found.filter(({ by, reason }) => !by && !reason).map(({ name }) => name)).toEqual([])
    expect(found.filter(({ by, reason }) => by && reason).map(({ name }) => name)).toEqual([])
  })

  it('is without nothing that it has: every row of "Not offered" is about something', () => {
    const names = Object.values(all).flatMap((of) => of().map(({ name }) => name))
    expect(absent.filter((row) => !names.some((name) => matches(row, name)))).toEqual([])
  })

  it('is what the catalogue of events says', () => {
    const own = events.filter((type) => !type.startsWith('event_'))
    expect(own.toSorted()).toEqual(eventTypes.toSorted())
  })

  it('has an operation of the document for every method that is covered', () => {
    const documented = operations.map(({ id }) => id)
    const helpers = ['sessions.events.toolRunner']
    const called = [...recorder.methods.keys()].filter((name) => !helpers.includes(name))
    expect(called.filter((name) => !documented.includes(name))).toEqual([])
    const methods = methodsOf(world.client, resources)
    expect(documented.filter((name) => !methods.includes(name))).toEqual([])
  })

  it('is covered where the manifest says', () => {
    for (const { file, contains } of Object.values(elsewhere)) {
      expect(readFileSync(path.join(packageRoot, file), 'utf8')).toContain(contains)
    }
  })
})

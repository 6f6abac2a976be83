import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Api } from './api.ts'
import type { CheckFinding } from './check/finding.ts'
import { checkSession } from './check/session.ts'
import { useSessions } from './customer.ts'
import type { Evidence } from './evidence.ts'
import { faults } from './faults.ts'
import { Moments } from './moments.ts'
import { makePlan, type PlannedStrike } from './plan.ts'
import { type Random, seeded } from './random.ts'
import type { Strike } from './recovery.ts'
import type { SessionRun } from './session-run.ts'
import { Watches } from './watches.ts'
import { World } from './world.ts'

export interface CampaignOptions {
  kills: number
  seed: number
  /** Sessions in use at the same time. */
  sessions: number
  /** Faults to choose from. @default all that this machine can do */
  only?: string[]
  /** Keep the folder, with the logs, also when all is well. */
  keep?: boolean
  say: (line: string) => void
}

export interface Outcome {
  strikes: Strike[]
  /** Faults that could not strike here. */
  impossible: string[]
  sessions: { evidence: Evidence; findings: CheckFinding[] }[]
  seconds: number
  /** Requests of customers that had to be repeated. */
  repeated: number
  /** Folder with the logs, when it was kept. */
  folder?: string
}

/** What was seen of each session that something is wrong with, or of all when nothing is, and when was struck. */
async function keepEvidence(folder: string, { strikes, sessions }: Outcome): Promise<void> {
  const bad = sessions.filter(({ findings }) => findings.length > 0)
  for (const session of bad.length > 0 ? bad : sessions) {
    await writeFile(path.join(folder, `${session.evidence.name}.json`), JSON.stringify(session, undefined, 1))
  }
  await writeFile(path.join(folder, 'strikes.json'), JSON.stringify(strikes, undefined, 1))
}

/** How long a strike waits for its moment before it strikes without. */
const patienceMs = 4000

/** Runs sessions and strikes at what runs them, until every strike was made; then looks at what came of it. */
export async function runCampaign({ kills, seed, sessions, only, keep, say }: CampaignOptions): Promise<Outcome> {
  const random = seeded(seed)
  const moments = new Moments()
  const began = Date.now()
  const world = await World.start(moments)
  say(`${world.url}, data and logs in ${world.folder}`)
  const open = new Map<string, SessionRun>()
  const outcome: Outcome = { strikes: [], impossible: [], sessions: [], seconds: 0, repeated: 0 }
  let enough = false
  const api = new Api(world.url)
  const containers = await world.containers()
  const watches = new Watches(moments, containers, `${world.dataDir}/blobs`)
  const looking = setInterval(() => {
    for (const run of open.values()) watches.look(run.name, run.id)
  }, 100)
  let names = 0
  let outages = 0
  let calmSince = Date.now()

  try {
    const agent = await api.call<{ id: string }>('POST', '/agents', {
      name: 'chaos',
      model: 'claude-opus-5',
      tools: [
        { type: 'agent_toolset_20260401', configs: [{ name: 'write', permission_policy: { type: 'always_ask' } }] },
        {
          type: 'custom',
          name: 'lookup',
          description: 'looks something up',
          input_schema: { type: 'object', properties: { mark: { type: 'string' } } },
        },
      ],
    })
    const environment = await api.call<{ id: string }>('POST', '/environments', { name: 'chaos' })
    const shop = {
      api,
      moments,
      calmSince: () => (outages > 0 ? Date.now() : calmSince),
      agent: agent.id,
      environment: environment.id,
      nextName: () => `s${++names}`,
      collect: { api, containers, requests: world.gate.requests },
      opened: (run: SessionRun) => void open.set(run.name, run),
      closed(run: SessionRun, evidence: Evidence) {
        open.delete(run.name)
        watches.close(run.id)
        const findings = checkSession(evidence)
        outcome.sessions.push({ evidence, findings })
        for (const { kind, text } of findings) say(`!! ${kind} ${run.name} ${run.id}: ${text}`)
      },
    }
    const customers = Array.from({ length: sessions }, (_, index) =>
      useSessions(shop, random.fork(`customer ${index}`), () => enough),
    )
    // One that fails must not let the campaign wait for ever.
    const failed = Promise.all(customers).then(() => new Promise<never>(() => {}))
    const plan = makePlan(random.fork('plan'), kills, only)
    await Promise.race([strikeAll(plan), failed])
    enough = true
    await Promise.all(customers)
  } finally {
    clearInterval(looking)
    enough = true
    for (const run of open.values()) {
      watches.close(run.id)
      await run.close()
    }
    const bad = outcome.sessions.some(({ findings }) => findings.length > 0) || outcome.sessions.length === 0
    if (bad || keep) outcome.folder = world.folder
    if (outcome.folder) await keepEvidence(outcome.folder, outcome)
    await world.stop({ keep: bad || keep === true })
  }
  outcome.seconds = (Date.now() - began) / 1000
  outcome.repeated = api.repeated
  return outcome

  async function strikeAll(plan: PlannedStrike[]): Promise<void> {
    const chance = random.fork('strikes')
    const striking = new Map<string, Promise<void>>()
    while (![...open.values()].some((run) => run.working)) await sleep(20)
    for (const [index, { fault, moment, gapMs, delayMs }] of plan.entries()) {
      await sleep(gapMs)
      // The next one does not wait until this one is over or recovered from, unless they would only be a longer one.
      const kind = faults[fault]!.outage ? 'outage' : fault
      await striking.get(kind)
      const session = moment && (await moments.next(moment, patienceMs))
      await sleep(delayMs)
      const working = [...open.values()].filter((run) => run.working).map(({ name }) => name)
      const strike: Strike = {
        fault,
        ...(session && { moment }),
        session: session ?? (working.length > 0 ? chance.pick(working) : undefined),
        working,
        at: Date.now(),
      }
      const seconds = ((strike.at - began) / 1000).toFixed(1)
      say(`${seconds} s  ${index + 1}/${plan.length}  ${fault}${session ? ` at ${moment} of ${session}` : ''}`)
      striking.set(
        kind,
        strikeOnce(strike, chance).catch((error) => say(`${fault}: ${error}`)),
      )
    }
    await Promise.all(striking.values())
  }

  /** What is to be struck may just be on its way back. */
  async function strikeOnce(strike: Strike, chance: Random): Promise<void> {
    const fault = faults[strike.fault]!
    if (fault.outage) outages++
    try {
      for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(50)) {
        strike.at = Date.now()
        if (await fault.strike(world, chance)) return void outcome.strikes.push(strike)
      }
      outcome.impossible.push(strike.fault)
    } finally {
      if (fault.outage && --outages === 0) calmSince = Date.now()
    }
  }
}

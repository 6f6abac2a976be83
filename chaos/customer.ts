import { setTimeout as sleep } from 'node:timers/promises'
import type { Api } from './api.ts'
import { collect, type Evidence } from './evidence.ts'
import type { Moments } from './moments.ts'
import type { Random } from './random.ts'
import { SessionRun } from './session-run.ts'
import { lastWork, makeWork } from './work.ts'

export interface Shop {
  api: Api
  moments: Moments
  agent: string
  environment: string
  calmSince: () => number
  /** Gives each session its name. */
  nextName(): string
  collect: Parameters<typeof collect>[1]
  /** Told of each session while it is used. */
  opened(run: SessionRun): void
  closed(run: SessionRun, evidence: Evidence): void
}

/** One after the other, sessions are created, used for some turns, and left or archived, until it is enough. */
export async function useSessions(shop: Shop, random: Random, enough: () => boolean): Promise<void> {
  while (!enough()) {
    const run = await open(shop, random)
    shop.opened(run)
    let settled = true
    const turns = random.between(3, 7)
    for (let turn = 1; turn <= turns && settled && !enough(); turn++) settled = await oneTurn(run, random, turn)
    if (settled) {
      // Whatever was done to it: it still answers.
      await run.message(lastWork(run.name, `${run.name}.last`))
      settled = await run.settled()
    }
    const archive = settled && random.chance(0.5)
    if (archive) {
      shop.moments.tell('archive', run.name)
      await shop.api.call('POST', `/sessions/${run.id}/archive`, {})
      await run.ended()
    }
    shop.closed(run, await collect(run, shop.collect))
  }
}

async function open(
  { api, moments, agent, environment, nextName, calmSince }: Shop,
  random: Random,
): Promise<SessionRun> {
  const name = nextName()
  moments.tell('create', name)
  const { id } = await api.call<{ id: string }>(
    'POST',
    '/sessions',
    { agent, environment_id: environment, title: name },
    `create-${api.url}-${name}`,
  )
  return new SessionRun({ name, id, api, moments, calmSince, random: random.fork(name) })
}

/** A message, sometimes followed by another or by an interrupt while it is worked on. */
async function oneTurn(run: SessionRun, random: Random, turn: number): Promise<boolean> {
  const mark = `${run.name}.${turn}`
  await run.message(makeWork(random, run.name, mark))
  if (random.chance(0.25)) {
    await sleep(random.between(0, 1500))
    await run.message(makeWork(random, run.name, `${mark}b`))
  }
  if (random.chance(0.2)) {
    await sleep(random.between(0, 2000))
    await run.interrupt()
  }
  return run.settled()
}

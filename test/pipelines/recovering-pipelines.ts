import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow'
import type { SessionActivities } from '../../workflow/activities.ts'
import { getSession, type Idle, startSession } from '../../workflow/index.ts'
import type { Place } from './pipelines.ts'

interface Told {
  id: string
  answers: string[]
}

/** Two tasks and a goodbye; its first attempts fail behind them. */
export async function failsLate(place: Place, failures: number): Promise<Told> {
  const session = await startSession(place)
  const answers = [await session.run('#say one'), await session.run('#say two')]
  await session.archive()
  if (workflowInfo().attempt <= failures) throw ApplicationFailure.retryable('an attempt fails')
  return { id: session.id, answers }
}

/** Sessions side by side, each with a task that comes twice. */
export async function failsBeside(place: Place, count: number): Promise<Told[]> {
  const told = await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const session = await startSession(place)
      const task = () => session.run(`#bash echo ${index} >> runs; cat runs | wc -l\n#say {{last}}`)
      return { id: session.id, answers: [await task(), await task()] }
    }),
  )
  if (workflowInfo().attempt === 1) throw ApplicationFailure.retryable('the first attempt fails')
  return told
}

/** The same words in every run of a chain; the last run fails once. */
export async function rounds(place: Place, count: number, before: string[] = []): Promise<Told> {
  const session = await startSession(place)
  const answers = [...before, await session.run('#bash echo again >> runs; cat runs | wc -l\n#say {{last}}')]
  if (answers.length < count) return continueAsNew<typeof rounds>(place, count, answers)
  if (workflowInfo().attempt === 1) throw ApplicationFailure.retryable('the first attempt fails')
  return { id: session.id, answers }
}

/** A long task. */
export async function long(place: Place, task: string, options: { throughAnswers?: boolean } = {}): Promise<Told> {
  const session = await startSession(place)
  return { id: session.id, answers: [await session.run(task, options)] }
}

/** Leaves while its message is on its way. */
export async function leaves(
  place: Place,
  onCancel: 'interrupt' | 'archive',
): Promise<{ id: string; cancelled: boolean; after: Idle }> {
  const session = await startSession(place, { onCancel })
  const scope = new CancellationScope()
  let cancelled = false
  const task = scope
    .run(() => session.run('#bash sleep 600\n#say never'))
    .catch((error) => {
      cancelled = isCancellation(error)
    })
  await sleep(1)
  scope.cancel()
  await task
  return { id: session.id, cancelled, after: await getSession(session.id).untilIdle() }
}

/** Waits for a session that somebody else works with. */
export async function waitsFor(id: string): Promise<Idle> {
  return getSession(id).untilIdle()
}

/** Asks twice for the notice of one wait, as after a notice that got lost. */
export async function asksAgain(id: string): Promise<number> {
  const { holdfastWatch } = proxyActivities<SessionActivities>({
    taskQueue: 'holdfast',
    startToCloseTimeout: '1 minute',
  })
  let told = 0
  setHandler(defineSignal('holdfast:notice'), () => void told++)
  await holdfastWatch(id, 'the same wait')
  await condition(() => told === 1)
  await holdfastWatch(id, 'the same wait')
  await condition(() => told === 2)
  return told
}

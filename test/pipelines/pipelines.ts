import { ApplicationFailure, CancellationScope, isCancellation, sleep, workflowInfo } from '@temporalio/workflow'
import { z } from 'zod'
import { getSession, type Idle, startSession } from '../../workflow/index.ts'

export interface Place {
  agent: string
  environment_id: string
}

/** Starts a session, gives it two tasks, reads a typed result. */
export async function report({
  taskQueue,
  ...place
}: Place & { taskQueue?: string }): Promise<{ id: string; first: string; total: number }> {
  const session = await startSession(place, taskQueue ? { taskQueue } : {})
  const first = await session.run('#bash echo one >> runs; cat runs\n#say {{last}}')
  const output = z.object({ total: z.number() })
  const { total } = await session.run('#say {"total": 42}', { output })
  await session.archive()
  return { id: session.id, first, total }
}

/** A result that never fits. */
export async function unfit(place: Place): Promise<unknown> {
  const session = await startSession(place)
  return session.run('#say nothing', { output: z.object({ total: z.number() }), attempts: 2 })
}

/** Waits for a session that needs an answer, which somebody else gives. */
export async function approval(place: Place): Promise<Idle[]> {
  const session = await startSession(place)
  await session.send('#bash echo approved\n#say done')
  const blocked = await session.untilIdle()
  if (blocked.stopReason?.type !== 'requires_action') throw new Error('nothing was asked')
  const [tool_use_id = ''] = blocked.stopReason.event_ids
  await session.send({ type: 'user.tool_confirmation', tool_use_id, result: 'allow' })
  return [blocked, await session.untilIdle()]
}

/** Gives up waiting after a while. */
export async function impatient(place: Place): Promise<{ id: string; cancelled: boolean; after: Idle }> {
  const session = await startSession(place)
  let cancelled = false
  const scope = new CancellationScope()
  const waiting = scope.run(async () => {
    await session.send('#bash sleep 600\n#say never')
    await session.untilIdle()
  })
  await sleep(1500)
  scope.cancel()
  await waiting.catch((error) => {
    cancelled = isCancellation(error)
  })
  return { id: session.id, cancelled, after: await getSession(session.id).untilIdle() }
}

/** Fails in its first run, after its session did its work. */
export async function retried(place: Place, marker: string): Promise<string> {
  const session = await startSession(place)
  const answer = await session.run(`#bash echo ${marker} >> runs; cat runs\n#say {{last}}`)
  if (workflowInfo().attempt === 1) throw ApplicationFailure.retryable('the first attempt fails')
  return answer
}

/** Many sessions at once. */
export async function fanOut(place: Place, count: number): Promise<string[]> {
  const tasks = Array.from({ length: count }, async (_, index) => {
    const session = await startSession(place)
    return session.run(`#say task ${index}`)
  })
  return Promise.all(tasks)
}

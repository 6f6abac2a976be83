import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { defineTool } from '../../index.ts'

/** Tools whose first call says that it has begun and never ends; later attempts end at once. */
export function killable() {
  const run = async (_input: unknown, { attempt }: { attempt: number }) => {
    if (attempt > 1) return 'second life'
    process.send?.('begun')
    await sleep(600_000)
    return 'never'
  }
  const common = { description: 'Can be killed.', input: z.object({}), run }
  return [defineTool({ ...common, name: 'repeatable', idempotent: true }), defineTool({ ...common, name: 'once' })]
}

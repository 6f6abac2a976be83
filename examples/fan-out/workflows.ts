import { startSession } from 'holdfast/workflow'
import { z } from 'zod'

export interface Review {
  product: string
  text: string
}
const verdict = z.object({ sentiment: z.enum(['good', 'bad']), score: z.number().int().min(1).max(5) })
export type Verdict = z.infer<typeof verdict> & { product: string }

/** A session for each review, all at once; the results are typed, and in the order of the reviews. */
export async function judgeReviews(
  agent: string,
  environment_id: string,
  reviews: { product: string; task: string }[],
): Promise<Verdict[]> {
  return Promise.all(
    reviews.map(async ({ product, task }) => {
      const session = await startSession({ agent, environment_id, title: product })
      const found = await session.run(task, { output: verdict })
      await session.archive()
      return { product, ...found }
    }),
  )
}

/** Limits on what a session may cost. Source: spec §6.1, §6.2, §14.3. */
import { z } from 'zod'

export const budgetParams = z.strictObject({
  type: z.literal('limit'),
  max_list_cost: z.strictObject({
    /** US cents. */
    amount: z.string().regex(/^[1-9][0-9]{0,11}$/, 'must be a positive whole number of cents, without leading zeros'),
    currency: z.literal('USD'),
  }),
})

/** A session stops asking the model when its list cost has reached this. */
export type Budget = z.infer<typeof budgetParams>

import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import { updatedSessionAgent } from '../protocol/agents.ts'
import type { Budget } from '../protocol/budgets.ts'
import type { SessionMemo } from '../protocol/contract.ts'
import { invalidRequest } from '../protocol/errors.ts'
import { patchMetadata } from '../protocol/metadata.ts'
import { type Prices, priceOf } from '../protocol/prices.ts'
import type { SessionAgent, sessionUpdateParams } from '../protocol/sessions.ts'
import type { SessionRecord } from '../store/records.ts'

export interface SessionChange {
  /** Fields of the row. */
  fields: { title?: string | null; metadata?: Record<string, string> }
  /** The configuration from the next turn on. */
  agent?: SessionAgent
  budget?: Budget | null
  /** What `session.updated` says, but for the budget. An emptied bag of metadata is left out. Source: spec §6.4. */
  event: { title?: string | null; metadata?: Record<string, string>; agent?: SessionAgent }
}

interface Before {
  row: SessionRecord
  agent: SessionAgent
  state: () => Promise<SessionMemo | undefined>
}

/**
 * What an update changes, undefined when that is nothing. Source: spec §6.4.
 * @throws ApiError 400 for an agent's change while the session works, and for a budget that cannot be had
 */
export async function sessionChange(
  params: z.output<typeof sessionUpdateParams>,
  before: Before,
): Promise<SessionChange | undefined> {
  const { row } = before
  const fields: SessionChange['fields'] = {}
  if (params.title !== undefined && params.title !== row.title) fields.title = params.title
  if (params.metadata) {
    const metadata = patchMetadata(row.metadata, params.metadata)
    if (!isDeepStrictEqual({ ...metadata }, { ...row.metadata })) fields.metadata = metadata
  }
  const agent = params.agent && (await changedAgent(params.agent, before))
  const budget = params.budget === undefined ? undefined : await changedBudget(params.budget, before)
  const { metadata, ...announced } = fields
  const filled = metadata && Object.keys(metadata).length > 0 && { metadata }
  const changes = Object.keys(fields).length > 0 || agent || budget !== undefined
  if (!changes) return undefined
  return {
    fields,
    ...(agent && { agent }),
    ...(budget !== undefined && { budget }),
    event: { ...announced, ...filled, ...(agent && { agent }) },
  }
}

async function changedAgent(
  params: { tools?: unknown; mcp_servers?: unknown },
  { row, agent, state }: Before,
): Promise<SessionAgent | undefined> {
  const known = await state()
  if (known?.status === 'running' || known?.status === 'rescheduling') {
    throw invalidRequest(
      `agent: session ${row.id} is ${known.status} and keeps its agent: send a user.interrupt event and wait until it is idle`,
    )
  }
  const changed = updatedSessionAgent(agent, params)
  // Also when the last change was stored, and its caller was gone before the session knew of it.
  const isKnown = (known?.revision ?? row.revision) === row.revision
  return isKnown && isDeepStrictEqual(changed, agent) ? undefined : changed
}

async function changedBudget(budget: Budget | null, { row, state }: Before): Promise<Budget | null | undefined> {
  if (budget && !row.budget) {
    throw invalidRequest('budget: only a session that was created with a budget has one', {
      code: 'budget_create_only',
    })
  }
  const known = await state()
  // As with the agent; who says nothing of its budget and is capped may go by one that was removed or raised.
  const isKnown = known?.budget === undefined ? !known?.capped : isDeepStrictEqual(known.budget, row.budget)
  const changed = isKnown && isDeepStrictEqual(budget, row.budget) ? undefined : budget
  if (!budget) return changed
  const spent = known?.usage.list_cost?.amount ?? '0'
  if (Number(budget.max_list_cost.amount) <= Number(spent)) {
    throw invalidRequest(
      `budget.max_list_cost.amount: must be greater than the consumed list cost, which is ${spent} cents`,
      { code: 'budget_not_raised' },
    )
  }
  return changed
}

/** @throws ApiError 400 for a model whose cost is not known. Source: spec §14.3 */
export function checkBudgetable(model: string, prices: Prices | undefined): void {
  if (priceOf(model, prices)) return
  throw invalidRequest(
    `budget: model ${model} has no list price; give it one under model.prices of the configuration`,
    {
      code: 'model_not_budgetable',
    },
  )
}

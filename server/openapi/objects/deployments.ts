import { z } from 'zod'
import { budgetParams } from '../../../protocol/budgets.ts'
import { recoverable, unrecoverable } from '../../../protocol/deployments.ts'
import { systemMessageParams, userMessageParams } from '../../../protocol/events.ts'
import { repositoryCheckout } from '../../../protocol/sessions.ts'
import { archivable, metadata, time } from './common.ts'

const agent = z.looseObject({ type: z.literal('agent'), id: z.string(), version: z.int() })
const mount_path = z.string().nullish()

/** As it was given, without its token. */
const resource = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('file'), file_id: z.string(), mount_path }),
  z.looseObject({
    type: z.literal('github_repository'),
    url: z.string(),
    checkout: repositoryCheckout.nullish(),
    mount_path,
  }),
  z.looseObject({
    type: z.literal('memory_store'),
    memory_store_id: z.string(),
    access: z.enum(['read_write', 'read_only']).nullish(),
    instructions: z.string().nullish(),
  }),
])

const pausedReason = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('manual') }),
  z.looseObject({ type: z.literal('error'), error: z.looseObject({ type: z.enum(unrecoverable) }) }),
])

/** Source: spec §21.1. */
export const deployment = z
  .looseObject({
    id: z.string(),
    type: z.literal('deployment'),
    name: z.string(),
    description: z.string().nullable(),
    agent,
    environment_id: z.string(),
    initial_events: z.array(z.discriminatedUnion('type', [userMessageParams, systemMessageParams])),
    resources: z.array(resource),
    vault_ids: z.array(z.string()),
    metadata,
    schedule: z
      .looseObject({
        type: z.literal('cron'),
        expression: z.string(),
        timezone: z.string(),
        last_run_at: time.nullable(),
        upcoming_runs_at: z.array(time),
      })
      .nullable(),
    status: z.enum(['active', 'paused']),
    paused_reason: pausedReason.nullable(),
    budget: budgetParams.nullable(),
    ...archivable,
  })
  .meta({ id: 'Deployment' })

/** Source: spec §21.3. */
export const deploymentRun = z
  .looseObject({
    id: z.string(),
    type: z.literal('deployment_run'),
    deployment_id: z.string(),
    agent,
    trigger_context: z.discriminatedUnion('type', [
      z.looseObject({ type: z.literal('schedule'), scheduled_at: time }),
      z.looseObject({ type: z.literal('manual') }),
    ]),
    session_id: z.string().nullable(),
    error: z.looseObject({ type: z.enum([...unrecoverable, ...recoverable]), message: z.string() }).nullable(),
    created_at: time,
  })
  .meta({ id: 'DeploymentRun' })

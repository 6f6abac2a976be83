import { ApplicationFailure, activityInfo, cancellationSignal } from '@temporalio/activity'
import { type Connection, isGrpcServiceError } from '@temporalio/client'
import { defaultPayloadConverter } from '@temporalio/common'
import proto from '@temporalio/proto'
import type { HoldfastCodec } from '../../log/payload-codec.ts'
import {
  type WebhookDelivery,
  type WebhookEvent,
  type WebhookType,
  webhookBody,
  webhookNames,
} from '../../protocol/webhooks.ts'
import { AddressRefused } from '../egress/address-policy.ts'
import type { OutgoingHttp } from '../egress/outgoing-http.ts'
import type { WebhookEndpoint } from './endpoints.ts'

const ALREADY_EXISTS = 6
const { WorkflowIdReusePolicy, WorkflowIdConflictPolicy } = proto.temporal.api.enums.v1

/** How long an endpoint has to answer, milliseconds. */
const answerMs = 20_000

export interface WebhookDependencies {
  connection: Connection
  namespace: string
  codec: HoldfastCodec
  endpoints: readonly WebhookEndpoint[]
  http: OutgoingHttp
}

/** The activities of webhooks. */
export function webhookActivities({ connection, namespace, codec, endpoints, http }: WebhookDependencies) {
  return {
    /** Starts the delivery of each event, once however often it is asked. */
    async [webhookNames.start](events: WebhookEvent[]): Promise<void> {
      // Nobody listens any more.
      if (endpoints.length === 0) return
      const { taskQueue } = activityInfo()
      for (const event of events) {
        const workflowId = `holdfast-webhook-${event.id}`
        const payloads = await codec.encode([defaultPayloadConverter.toPayload(event)], { workflowId })
        await connection.workflowService
          .startWorkflowExecution({
            namespace,
            workflowId,
            requestId: workflowId,
            workflowType: { name: webhookNames.workflow },
            taskQueue: { name: taskQueue },
            input: { payloads },
            workflowIdReusePolicy: WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
            workflowIdConflictPolicy: WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
          })
          .catch((error: unknown) => {
            if (!isGrpcServiceError(error) || error.code !== ALREADY_EXISTS) throw error
          })
      }
    },

    async [webhookNames.targets](type: WebhookType): Promise<string[]> {
      return endpoints.filter((endpoint) => endpoint.wants(type)).map(({ id }) => id)
    },

    async [webhookNames.deliver]({ endpoint: id, event }: WebhookDelivery): Promise<void> {
      const endpoint = endpoints.find((each) => each.id === id)
      // It was taken out of the configuration since.
      if (endpoint) await post(http, endpoint, event)
    },
  }
}

async function post(http: OutgoingHttp, endpoint: WebhookEndpoint, event: WebhookEvent): Promise<void> {
  const body = webhookBody(event)
  const { host } = endpoint.url
  let status: number
  try {
    const response = await http.fetch(endpoint.url, {
      method: 'POST',
      // What it leads to was not configured. Source: spec §22.
      redirect: 'manual',
      headers: { 'content-type': 'application/json', ...endpoint.sign(event.id, new Date(), body) },
      body,
      signal: AbortSignal.any([AbortSignal.timeout(answerMs), cancellationSignal()]),
    })
    status = response.status
    // What it says is of no interest, and may never end.
    await response.body?.cancel()
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (error instanceof AddressRefused || cause instanceof AddressRefused) {
      throw gaveUp(`${host} is a private address; egress.allowPrivate in temporal.config.ts would allow it`)
    }
    // The error's own text may have the whole address in it.
    const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? (error as Error).name
    throw new Error(`the webhook endpoint at ${host} cannot be reached (${code})`)
  }
  if (status >= 200 && status < 300) return
  const said = `the webhook endpoint at ${host} answered ${status}`
  throw (status >= 300 && status < 400) || status === 410 ? gaveUp(said) : new Error(said)
}

/** Trying again would change nothing. */
const gaveUp = (message: string) => ApplicationFailure.create({ type: 'WebhookRefused', message, nonRetryable: true })

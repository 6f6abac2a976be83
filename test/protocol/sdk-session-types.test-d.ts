/** Checked by `tsc` alone: what we answer fits the official SDK's types, and what it sends fits ours. */
import type Anthropic from '@anthropic-ai/sdk'
import type { SessionEventsApi } from '../../client/api.ts'
import type { EventSendParams, SessionEvent, StreamEvent } from '../../protocol/events.ts'
import type { Session, SessionCreateParams, SessionResource, SessionUpdateParams } from '../../protocol/sessions.ts'

type Sdk = Anthropic.Beta.Sessions.BetaManagedAgentsSession
type SdkEvent = Anthropic.Beta.Sessions.BetaManagedAgentsSessionEvent
type SdkStreamEvent = Anthropic.Beta.Sessions.BetaManagedAgentsStreamSessionEvents

type Fits<Ours extends Theirs, Theirs> = Ours

/** Events of the user are typed as processed by the SDK where they may still be waiting; else every field is theirs. */
type Stamped<E> = E extends { processed_at: string | null } ? Omit<E, 'processed_at'> & { processed_at: string } : E

export type Answers = [
  Fits<Session, Sdk>,
  Fits<SessionResource, Anthropic.Beta.Sessions.BetaManagedAgentsSessionResource>,
  Fits<Stamped<SessionEvent>, SdkEvent>,
  Fits<Stamped<StreamEvent>, SdkStreamEvent>,
]

/** The SDK's type allows a redacted block in a message, which the API answers with a 400. */
type Sendable<E> = E extends { content: (infer B)[] }
  ? Omit<E, 'content'> & { content: Exclude<B, { type: 'redacted' }>[] }
  : E
type SendParams = { events: Sendable<Anthropic.Beta.Sessions.EventSendParams['events'][number]>[] }
type CreateParams = Omit<Anthropic.Beta.SessionCreateParams, 'betas' | 'initial_events'> & {
  initial_events?: Sendable<NonNullable<Anthropic.Beta.SessionCreateParams['initial_events']>[number]>[]
}
type UpdateParams = Omit<Anthropic.Beta.SessionUpdateParams, 'betas'>

export type Requests = [
  Fits<SendParams, EventSendParams>,
  Fits<CreateParams, SessionCreateParams>,
  Fits<UpdateParams, SessionUpdateParams>,
  Fits<
    Pick<Anthropic.Beta.Sessions.EventListParams, 'types' | 'order' | 'limit'>,
    NonNullable<Parameters<SessionEventsApi['list']>[1]>
  >,
]

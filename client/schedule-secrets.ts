import { mapTokens } from '../protocol/repository-tokens.ts'
import type { ScheduleAction } from '../protocol/schedules.ts'
import type { SecretBox } from '../store/secrets.ts'

/** A schedule stands in Temporal for as long as it is there: tokens are in it only sealed. */
export const sealAction = (action: ScheduleAction, secrets: SecretBox): ScheduleAction =>
  withTokens(action, (token) => secrets.seal(token))

/** @throws SecretUnreadable */
export const openAction = (action: ScheduleAction, secrets: SecretBox): ScheduleAction =>
  withTokens(action, (token) => secrets.open(token))

/** For people to see. Source: spec §21.1, "secrets stripped". */
export const stripAction = (action: ScheduleAction): ScheduleAction => withTokens(action, () => undefined)

function withTokens(action: ScheduleAction, change: (token: string) => string | undefined): ScheduleAction {
  if (action.type !== 'create_session' || !action.session.resources) return action
  return { ...action, session: { ...action.session, resources: mapTokens(action.session.resources, change) } }
}

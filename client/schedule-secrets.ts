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
  const resources = action.session.resources.map((resource) => {
    if (resource.type !== 'github_repository' || resource.authorization_token == null) return resource
    const { authorization_token, ...rest } = resource
    const changed = change(authorization_token)
    return changed === undefined ? rest : { ...rest, authorization_token: changed }
  })
  return { ...action, session: { ...action.session, resources } }
}

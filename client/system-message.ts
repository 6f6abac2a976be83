import { invalidRequest } from '../protocol/errors.ts'
import type { EventParams } from '../protocol/events.ts'
import { modelInfo } from '../protocol/models.ts'

/**
 * A system message: at most one, last, right behind the event it goes with, on models that know it. Source: spec §8.1.6.
 * @param where the field that has the events
 * @throws ApiError 400 that names the entry
 */
export function checkSystemMessage(events: EventParams[], model: string, where: string): void {
  const index = events.findIndex((event) => event.type === 'system.message')
  if (index < 0) return
  const entry = `${where}.${index}`
  if (index !== events.length - 1) throw invalidRequest(`${entry}: a system.message must be the last event`)
  const before = events[index - 1]?.type
  if (before !== 'user.message' && before !== 'user.custom_tool_result') {
    throw invalidRequest(`${entry}: a system.message must follow the user.message or tool result that it goes with`)
  }
  if (!modelInfo(model).supportsMidConversationSystem) {
    throw invalidRequest(`${entry}: model ${model} does not take system messages within a conversation`, {
      code: 'model_does_not_support_mid_conversation_system',
    })
  }
}

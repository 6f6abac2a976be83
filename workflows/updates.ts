import { condition } from '@temporalio/workflow'
import type { Command } from '../protocol/contract.ts'
import type { SessionState } from './session-state.ts'

const isUpdate = (command: Command) => command.type === 'updated' || command.type === 'budget'

/** Announces changes of the session's record as they come, also while a turn runs. Never returns. */
export async function announceUpdates(state: SessionState): Promise<never> {
  for (;;) {
    await condition(() => !state.sealing && state.commands.some(isUpdate))
    const updates = state.commands.filter(isUpdate)
    state.commands = state.commands.filter((command) => !isUpdate(command))
    for (const update of updates) {
      if (update.type === 'updated') {
        state.revision = update.revision ?? state.revision
        state.announce({ events: [{ type: 'session.updated', ...update.changes }] })
      } else if (update.type === 'budget') {
        state.budget = update.budget
        state.announce({ events: [{ type: 'session.updated', budget: update.budget }] })
      }
    }
  }
}

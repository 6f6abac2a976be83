import { condition, patched } from '@temporalio/workflow'
import type { Command } from '../protocol/contract.ts'
import type { SessionState } from './session-state.ts'

type Update = Extract<Command, { type: 'updated' | 'budget' }>
const isUpdate = (command: Command): command is Update => command.type === 'updated' || command.type === 'budget'

/** Announces changes of the session's record as they come, also while a turn runs. Never returns. */
export async function announceUpdates(state: SessionState): Promise<never> {
  for (;;) {
    await condition(() => !state.sealing && state.commands.some(isUpdate))
    const updates = state.commands.filter(isUpdate)
    state.commands = state.commands.filter((command) => !isUpdate(command))
    for (const update of updates) {
      const { budget } = update
      if (update.type === 'updated') state.revision = update.revision ?? state.revision
      // A worker of the version before took a budget for no part of an update.
      const counts = update.type === 'budget' || (budget !== undefined && patched('a budget comes with an update'))
      if (budget !== undefined && counts) state.budget = budget
      const changes = update.type === 'updated' ? update.changes : {}
      state.announce({ events: [{ type: 'session.updated', ...changes, ...(budget !== undefined && { budget }) }] })
    }
  }
}

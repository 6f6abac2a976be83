import { type CallModelDependencies, makeCallModel } from './call-model.ts'
import type { ContainerProvider } from './container/provider.ts'
import { type EraseDependencies, makeErase } from './erase.ts'
import type { SessionMemory } from './memory/session-memory.ts'
import { makeRunTool, type RunToolDependencies } from './run-tool.ts'
import { makeSealRun } from './seal-run.ts'
import { sessionOf } from './session-of.ts'

export type ActivityDependencies = CallModelDependencies & RunToolDependencies & EraseDependencies

/** Every activity of a session, over what it needs of the world. */
export function createActivities(dependencies: ActivityDependencies) {
  return {
    callModel: makeCallModel(dependencies),
    runTool: makeRunTool(dependencies),
    sealRun: makeSealRun(dependencies),
    closeContainer: makeCloseContainer(dependencies),
    ...makeErase(dependencies),
  }
}

/** The activity `closeContainer`: stops the session's container, saves what it left in memory stores; its files stay. */
function makeCloseContainer({ containers, memory }: { containers: ContainerProvider; memory: SessionMemory }) {
  return async function closeContainer(): Promise<void> {
    const sessionId = sessionOf()
    await containers.stop(sessionId)
    // Nobody looks into them again.
    if (await memory.settle(sessionId)) await memory.remove(sessionId)
  }
}

import { type CallModelDependencies, makeCallModel } from './call-model.ts'
import { type EraseDependencies, makeErase } from './erase.ts'
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

/** The activity `closeContainer`: stops the session's container; its files stay. */
function makeCloseContainer({ containers, outputs }: Pick<RunToolDependencies, 'containers' | 'outputs'>) {
  return async function closeContainer(): Promise<void> {
    const sessionId = sessionOf()
    await containers.stop(sessionId)
    // The last writers are gone: what is there now stays.
    await outputs.capture(sessionId)
    outputs.forget(sessionId)
  }
}

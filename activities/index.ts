import { type CallModelDependencies, makeCallModel } from './call-model.ts'
import { makeCompact } from './compact.ts'
import { type EraseDependencies, makeErase } from './erase.ts'
import { makeNotify } from './notify.ts'
import { makeRunTool, type RunToolDependencies } from './run-tool.ts'
import { makeSealRun } from './seal-run.ts'
import { sessionOf } from './session-of.ts'

export type ActivityDependencies = CallModelDependencies & RunToolDependencies & EraseDependencies

/** Every activity of a session, over what it needs of the world. */
export function createActivities(dependencies: ActivityDependencies) {
  return {
    callModel: makeCallModel(dependencies),
    compact: makeCompact(dependencies),
    runTool: makeRunTool(dependencies),
    sealRun: makeSealRun(dependencies),
    notify: makeNotify(dependencies),
    captureOutputs: makeCaptureOutputs(dependencies),
    closeContainer: makeCloseContainer(dependencies),
    ...makeErase(dependencies),
  }
}

/** The activity `captureOutputs`: at the end of a turn whose last request was made on another host than this, its container's. */
function makeCaptureOutputs({ outputs }: Pick<RunToolDependencies, 'outputs'>) {
  return (): Promise<void> => outputs.capture(sessionOf())
}

/** The activity `closeContainer`: stops the session's container, saves what it left behind; its files stay. */
function makeCloseContainer({ containers, outputs, memory, workspaces }: RunToolDependencies) {
  return async function closeContainer(): Promise<void> {
    const sessionId = sessionOf()
    await containers.stop(sessionId)
    // The last writers are gone: what is there now stays, and nobody looks into the memory folders again.
    if (await memory.settle(sessionId)) await memory.remove(sessionId)
    await outputs.capture(sessionId)
    outputs.forget(sessionId)
    workspaces.forget(sessionId)
  }
}

import { createRequire } from 'node:module'
import vm from 'node:vm'

type Workflow = import('@temporalio/worker/lib/workflow/vm-shared.js').BaseVMWorkflow
type Activate = Workflow['activate']

/**
 * Has one watch look after each activation of a workflow as a whole. The SDK has one look after each of the four or five
 * calls into the workflow's context that it consists of, and each such watch is a thread that is made and joined.
 * What takes too long fails its workflow task, as with the SDK.
 * @param timeoutMs milliseconds @default the SDK's own
 */
export function guardActivations(timeoutMs = 5000): void {
  const { prototype } = workflows()
  const { activate } = prototype
  const { runInContext } = vm.Script.prototype
  const context = vm.createContext({})
  const work = new vm.Script('work()')
  let isWatched = false
  /** An activation calls into the workflow before it first waits for anything. */
  const watched = (activation: () => ReturnType<Activate>): ReturnType<Activate> => {
    context.work = activation
    isWatched = true
    try {
      return runInContext.call(work, context, { timeout: timeoutMs })
    } finally {
      isWatched = false
    }
  }
  vm.Script.prototype.runInContext = function (context, options) {
    return runInContext.call(this, context, isWatched ? { ...options, timeout: undefined } : options)
  }
  prototype.activate = async function (activation) {
    try {
      return await watched(() => activate.call(this, activation))
    } catch (error) {
      const failure = this.activator.errorToFailure(error)
      return { runId: this.runId, failed: { failure } }
    }
  }
}

/** What the SDK makes workflows of; not public. */
function workflows(): { prototype: Workflow & { activator: { errorToFailure(error: unknown): object } } } {
  return createRequire(import.meta.url)('@temporalio/worker/lib/workflow/vm-shared.js').BaseVMWorkflow
}

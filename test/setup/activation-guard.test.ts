import { createRequire } from 'node:module'
import vm from 'node:vm'
import { describe, expect, it } from 'vitest'
import { guardActivations } from '../../worker/activation-guard.ts'

interface Completion {
  failed?: { failure: { message: string } }
}
const { BaseVMWorkflow } = createRequire(import.meta.url)('@temporalio/worker/lib/workflow/vm-shared.js') as {
  BaseVMWorkflow: new (...parts: unknown[]) => { activate(activation: object): Promise<Completion> }
}

/** The time-outs of all scripts that were run since. */
const watches: (number | undefined)[] = []
const { runInContext } = vm.Script.prototype
vm.Script.prototype.runInContext = function (context, options) {
  watches.push(options?.timeout)
  return runInContext.call(this, context, options)
}
guardActivations(200)

const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' })
const inside = (code: string) => new vm.Script(code).runInContext(context, { timeout: 5000 })

/** A workflow as the SDK makes it, of which only the code is ours. */
function workflow(code: string) {
  const errorToFailure = ({ message }: Error) => ({ message })
  const activator = {
    info: { runId: 'run' },
    errorToFailure,
    mutateWorkflowInfo() {},
    addKnownFlags() {},
    hasFlag() {},
  }
  const module = {
    activate: () => inside(code),
    tryUnblockConditions: () => inside('0'),
    concludeActivation: () => inside('({ runId: "run", successful: {} })'),
  }
  return new BaseVMWorkflow('run', context, activator, module)
}
const activation = { timestamp: {}, jobs: [{ signalWorkflow: {} }] }

describe('an activation of a workflow', () => {
  it('is looked after by one watch, whatever it calls', async () => {
    watches.length = 0
    expect(await workflow('1').activate(activation)).toEqual({ runId: 'run', successful: {} })
    expect(watches.filter(Boolean)).toEqual([200])
    expect(watches.length).toBeGreaterThan(3)
  })

  it('fails when it takes too long, and the next one does not', async () => {
    const { failed } = await workflow('for (;;);').activate(activation)
    expect(failed?.failure.message).toMatch(/timed out after 200ms/)
    expect(await workflow('1').activate(activation)).toEqual({ runId: 'run', successful: {} })
  })

  it('leaves what is run beside it its own watch', async () => {
    const running = workflow('1').activate(activation)
    watches.length = 0
    inside('1')
    expect(watches).toEqual([5000])
    await running
  })
})

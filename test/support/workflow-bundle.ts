import type { InjectedSinks, WorkerOptions } from '@temporalio/worker'
import { inject } from 'vitest'
import type { SessionSinks } from '../../protocol/contract.ts'

/** For activities that a test's worker does not have. */
const sinks: InjectedSinks<SessionSinks> = { prompts: { hand: { fn() {} } }, activities: { stop: { fn() {} } } }

/** The workflow code, bundled once for the run, for the options of a worker. */
export function testWorkflows() {
  return { workflowBundle: { codePath: inject('workflowBundlePath') }, sinks } satisfies Partial<WorkerOptions>
}

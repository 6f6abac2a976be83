import type { InjectedSinks, WorkerOptions } from '@temporalio/worker'
import { inject } from 'vitest'
import type { HandoutSinks } from '../../protocol/contract.ts'

/** Handouts are for activities that a test's worker does not have. */
const sinks: InjectedSinks<HandoutSinks> = { prompts: { hand: { fn() {} } } }

/** The workflow code, bundled once for the run, for the options of a worker. */
export function testWorkflows() {
  return { workflowBundle: { codePath: inject('workflowBundlePath') }, sinks } satisfies Partial<WorkerOptions>
}

import { inject } from 'vitest'

/** The workflow code, bundled once for the run: give it to `Worker.create` as `workflowBundle`. */
export function testWorkflowBundle(): { codePath: string } {
  return { codePath: inject('workflowBundlePath') }
}

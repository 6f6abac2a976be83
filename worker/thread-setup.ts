/** Loaded into every thread of a worker process before anything else. */
import { promiseHooks } from 'node:v8'
import { isMainThread } from 'node:worker_threads'
import { guardActivations } from './activation-guard.ts'
import { warmUp } from './warm-up.ts'

const runsWorkflows = !isMainThread && process.argv[1]?.endsWith('workflow-worker-thread.js')

if (runsWorkflows) {
  // The SDK takes a stack trace for every promise of workflow code, for a query (`__stack_trace`) that nobody makes here: a
  // third of what its thread computes, and most of what an idle session takes of its memory. It has no setting for that.
  promiseHooks.createHook = () => () => {}
  warmUp()
  try {
    guardActivations()
  } catch (error) {
    // Another version of the SDK may be without what it changes; its own watch is there then.
    console.error('activations:', error)
  }
}

/** Loaded into every thread of a worker process before anything else. */
import { promiseHooks } from 'node:v8'
import { isMainThread } from 'node:worker_threads'
import { warmUp } from './warm-up.ts'

if (!isMainThread) {
  // The SDK takes a stack trace for every promise of workflow code, for a query (`__stack_trace`) that nobody makes here: a
  // third of what its thread computes, and most of what an idle session takes of its memory. It has no setting for that.
  promiseHooks.createHook = () => () => {}
  warmUp()
}

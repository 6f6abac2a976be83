import { once } from 'node:events'
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { threadSetup } from '../../worker/supervisor.ts'

const workflowThread = createRequire(import.meta.url).resolve(
  '@temporalio/worker/lib/workflow/workflow-worker-thread.js',
)
const anyThread = new URL('data:text/javascript,')

/** Tells, from within a thread, what was changed in it. */
const tell = `data:text/javascript,${encodeURIComponent(`
  import { parentPort } from 'node:worker_threads'
  import v8 from 'node:v8'
  import vm from 'node:vm'
  parentPort.postMessage({
    watches: String(vm.Script.prototype.runInContext).includes('isWatched'),
    traces: String(v8.promiseHooks.createHook).length > 50,
  })
`)}`

async function changesIn(program: string | URL): Promise<unknown> {
  const worker = new Worker(program, { execArgv: [...threadSetup, '--import', tell] })
  const [told] = await once(worker, 'message')
  await worker.terminate()
  return told
}

it('the thread that runs workflows is set up as a worker starts it, and no other', async () => {
  expect(await changesIn(workflowThread)).toEqual({ watches: true, traces: false })
  expect(await changesIn(anyThread)).toEqual({ watches: false, traces: true })
})

/** Fifty sessions from one workflow; their typed results gathered, through the death of a worker. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { startTestHost } from 'holdfast/testing'
import { model, modelVariables, task } from '../model.ts'
import type { judgeReviews } from './workflows.ts'

const count = Number(process.argv[2] ?? 50)
const reviews = Array.from({ length: count }, (_, index) => {
  const bad = index % 3 === 0
  const text = bad ? 'It broke on the first day.' : 'It does what it should, and looks good.'
  const verdict = JSON.stringify({ sentiment: bad ? 'bad' : 'good', score: bad ? 1 : 5 })
  return {
    product: `product ${index + 1}`,
    task: task(`Judge this review, with a score from 1 to 5: ${text}`, [`#say ${verdict}`]),
  }
})

const host = await startTestHost({ env: modelVariables })
try {
  const { holdfast } = host
  const agent = await holdfast.agents.create({ name: 'Judge', model, system: 'You judge reviews of products.' })
  const environment = await holdfast.environments.create({ name: 'reviews' })

  Runtime.install({ logger: new DefaultLogger('ERROR') })
  // Your own worker, with your own workflow. Sessions run on Holdfast's.
  const { address, namespace } = host.temporal
  const native = await NativeConnection.connect({ address })
  const worker = await Worker.create({
    connection: native,
    namespace,
    taskQueue: 'reviews',
    workflowsPath: fileURLToPath(new URL('workflows.ts', import.meta.url)),
  })
  const connection = await Connection.connect({ address })
  const client = new Client({ connection, namespace })

  const started = Date.now()
  const verdicts = await worker.runUntil(async () => {
    const handle = await client.workflow.start<typeof judgeReviews>('judgeReviews', {
      taskQueue: 'reviews',
      workflowId: 'judge-reviews',
      args: [agent.id, environment.id, reviews],
    })
    setTimeout(() => process.kill(host.workerPids[0]!, 'SIGKILL'), 2000)
    return handle.result()
  })
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  const bad = verdicts.filter(({ sentiment }) => sentiment === 'bad').map(({ product }) => product)
  console.log(`${verdicts.length} reviews judged by as many sessions in ${seconds} s, a worker killed meanwhile`)
  console.log(`bad: ${bad.join(', ')}`)
  assert.deepEqual(
    verdicts.map(({ product }) => product),
    reviews.map(({ product }) => product),
  )
  await connection.close()
  await native.close()
} finally {
  await host.remove()
}

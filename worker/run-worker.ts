import path from 'node:path'
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker'
import { BubblewrapProvider } from '../activities/container/bubblewrap/provider.ts'
import { containersRoot } from '../activities/container/keeper/session-folder.ts'
import { createActivities } from '../activities/index.ts'
import { SessionMemory } from '../activities/memory/session-memory.ts'
import { sweep } from '../activities/memory/sweep.ts'
import { AnthropicProvider } from '../activities/model/anthropic-provider.ts'
import { Mounts } from '../activities/mounts.ts'
import { connect, connectForReading } from '../client/connection.ts'
import type { Bus } from '../log/bus.ts'
import { HoldfastCodec } from '../log/payload-codec.ts'
import { SessionLogs } from '../log/session-logs.ts'
import { openBlobs } from '../store/file-blobs.ts'
import { openRecords } from '../store/open-records.ts'
import { Secrets } from './config/secrets.ts'
import { connectionOptions } from './config/temporal-connection.ts'
import type { WorkerConfig, WorkerMessage } from './config-of-worker.ts'
import { reportActivities } from './report-activities.ts'
import { workflowBundle } from './workflow-bundle.ts'

export interface PreparedWorker {
  /** Works until the signal aborts and its work is done or its grace time is over. */
  run(signal: AbortSignal): Promise<void>
}

/**
 * Puts a worker together: after this it only has to begin.
 * @param say tells the supervisor what the process is at
 */
export async function prepareWorker(
  config: WorkerConfig,
  say: (message: WorkerMessage) => void,
): Promise<PreparedWorker> {
  const { namespace, taskQueue, hostQueue, settings, container } = config
  const reach = connectionOptions(config.connection)
  const { encryptionKey } = new Secrets(process.env)

  const records = await openRecords(config.records)
  const blobs = await openBlobs(config.blobs)
  const codec = new HoldfastCodec({ blobs, ...(encryptionKey && { key: encryptionKey }) })
  const connection = await connect(reach)
  const logs = new SessionLogs({ connection: await connectForReading(reach), namespace, codec }, blobs)
  const containers = new BubblewrapProvider({ dataDir: config.dataDir })
  // Beside the containers: their users have to reach what is mounted.
  const besideContainers = path.dirname(await containersRoot(config.dataDir))
  const mounts = new Mounts(path.join(besideContainers, 'uploads'), { records, blobs })
  const memoryFolders = path.join(besideContainers, 'memory')
  const memory = new SessionMemory({ directory: memoryFolders, records })
  const bus: Bus = {
    publish: (sessionId, preview) => say({ type: 'preview', sessionId, preview }),
    subscribe: () => () => {},
  }
  const model = new AnthropicProvider({
    ...config.model,
    ...(process.env.ANTHROPIC_API_KEY && { apiKey: process.env.ANTHROPIC_API_KEY }),
    ...(process.env.ANTHROPIC_AUTH_TOKEN && { authToken: process.env.ANTHROPIC_AUTH_TOKEN }),
  })
  const activities = createActivities({
    connection,
    namespace,
    logs,
    records,
    blobs,
    bus,
    model,
    containers,
    mounts,
    memory,
    host: hostQueue,
    limits: container.limits,
    toolTimeoutMs: settings.toolTimeoutMs,
  })

  const native = await NativeConnection.connect(reach)
  const { maxCachedWorkflows, maxConcurrentActivities, maxConcurrentWorkflowTasks } = config.tuning
  const options: WorkerOptions = {
    connection: native,
    namespace,
    identity: config.identity,
    activities,
    dataConverter: { payloadCodecs: [codec] },
    maxConcurrentActivityTaskExecutions: maxConcurrentActivities,
    // A cancelled activity must see it soon even when the watch of its history fails.
    maxHeartbeatThrottleInterval: '500ms',
    interceptors: { activity: [reportActivities(say)] },
    shutdownGraceTime: config.shutdownGraceMs,
    taskQueue,
  }
  const workers = [
    await Worker.create({
      ...options,
      workflowBundle: await workflowBundle(),
      maxConcurrentWorkflowTaskExecutions: maxConcurrentWorkflowTasks,
      ...(maxCachedWorkflows && { maxCachedWorkflows }),
      // How long a task waits for a worker that is gone before another gets it.
      stickyQueueScheduleToStartTimeout: '1s',
    }),
  ]
  // The queue of this host alone, for the tools of the sessions that have their container here.
  if (hostQueue !== taskQueue) workers.push(await Worker.create({ ...options, taskQueue: hostQueue }))
  return {
    async run(signal) {
      const stop = () => {
        for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
      }
      const running = Promise.all(workers.map((worker) => worker.run()))
      say({ type: 'ready', identity: config.identity })
      signal.addEventListener('abort', stop)
      if (signal.aborted) stop()
      const swept = sweep(memory, { name: memoryFolders, signal })
      await running
      await swept
      await logs.close()
      await Promise.all([native.close(), connection.close(), containers.close(), records.close()])
    },
  }
}

import path from 'node:path'
import { type InjectedSinks, NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker'
import { stopActivities, stopBegun, workflowIsHere } from '../activities/cancellation.ts'
import { BubblewrapProvider } from '../activities/container/bubblewrap/provider.ts'
import { containersRoot } from '../activities/container/keeper/session-folder.ts'
import { AddressPolicy } from '../activities/egress/address-policy.ts'
import { OutgoingHttp } from '../activities/egress/outgoing-http.ts'
import { renewSecrets } from '../activities/egress/renew-secrets.ts'
import { createActivities } from '../activities/index.ts'
import { McpServers } from '../activities/mcp/servers.ts'
import { SessionMemory } from '../activities/memory/session-memory.ts'
import { sweep } from '../activities/memory/sweep.ts'
import { AnthropicProvider } from '../activities/model/anthropic-provider.ts'
import { Mounts } from '../activities/mounts.ts'
import { collectOrphans, Orphans } from '../activities/orphans.ts'
import { Outputs } from '../activities/outputs/outputs.ts'
import { SessionOutputs } from '../activities/outputs/session-outputs.ts'
import { PackageLayers } from '../activities/packages/package-layers.ts'
import { SessionSkills } from '../activities/skills/session-skills.ts'
import { Transcripts } from '../activities/transcripts.ts'
import { openSearch } from '../activities/web/search/open-search.ts'
import { WebTools } from '../activities/web/web-tools.ts'
import { webhookEndpoints } from '../activities/webhooks/endpoints.ts'
import { webhookActivities } from '../activities/webhooks/webhooks.ts'
import { Workspaces } from '../activities/workspace/workspaces.ts'
import { connect, connectForReading } from '../client/connection.ts'
import { Holdfast } from '../client/holdfast.ts'
import type { Bus } from '../log/bus.ts'
import { HoldfastCodec } from '../log/payload-codec.ts'
import { SessionLogs } from '../log/session-logs.ts'
import type { SessionSinks } from '../protocol/contract.ts'
import { openBlobs } from '../store/open-blobs.ts'
import { openRecords } from '../store/open-records.ts'
import { openSecrets } from '../store/secrets.ts'
import { Secrets } from './config/secrets.ts'
import { connectionOptions } from './config/temporal-connection.ts'
import type { WorkerConfig, WorkerMessage } from './config-of-worker.ts'
import { deploymentActivities } from './deployment-activities.ts'
import { reportActivities } from './report-activities.ts'
import { scheduledActivities } from './scheduled-activities.ts'
import { sessionActivities } from './session-activities.ts'
import { warmUp } from './warm-up.ts'
import { workflowBundle } from './workflow-bundle.ts'

export interface PreparedWorker {
  /** Works until the signal aborts and its work is done or its grace time is over. */
  run(signal: AbortSignal): Promise<void>
}

/** The way to the supervisor. */
export interface Supervised {
  /** Tells it what the process is at. */
  say: (message: WorkerMessage) => void
  /** Sessions whose previews it wants; changes. */
  previewed: ReadonlySet<string>
}

/** Puts a worker together: after this it only has to begin. */
export async function prepareWorker(config: WorkerConfig, { say, previewed }: Supervised): Promise<PreparedWorker> {
  const { namespace, taskQueue, hostQueue, settings, container } = config
  const reach = connectionOptions(config.connection)
  const { encryptionKey } = new Secrets(process.env)

  // Activities have time, and a session waits with them: a database that is started anew is not noticed.
  const records = await openRecords({ ...config.records, patienceMs: 30_000 })
  const blobs = await openBlobs(config.blobs)
  const codec = new HoldfastCodec({ blobs, ...(encryptionKey && { key: encryptionKey }) })
  const connection = await connect(reach)
  // Read for each prompt and watched for interrupts: between them a turn's history would be polled a dozen times for nothing.
  const logs = new SessionLogs({ connection: await connectForReading(reach), namespace, codec }, blobs, { lingerMs: 0 })
  const containers = new BubblewrapProvider({ dataDir: config.dataDir })
  // Beside the containers: their users have to reach what is mounted.
  const besideContainers = path.dirname(await containersRoot(config.dataDir))
  const mounts = new Mounts(path.join(besideContainers, 'uploads'), { records, blobs })
  const memoryFolders = path.join(besideContainers, 'memory')
  const memory = new SessionMemory({ directory: memoryFolders, records })
  const limits = { ...container.limits, idleMs: container.idleMs }
  const { allowPrivate } = config.egress
  const packageFolder = path.join(besideContainers, 'packages')
  const packages = new PackageLayers({ directory: packageFolder, containers, limits, allowPrivate, ...config.packages })
  const skills = new SessionSkills({ directory: path.join(besideContainers, 'skills'), records, blobs })
  const workspaces = new Workspaces({ records, blobs, containers, host: hostQueue, ...container.snapshots })
  const outputs = new SessionOutputs(new Outputs({ records, blobs }, container.outputs), containers)
  const bus: Bus = {
    interrupted: stopBegun,
    publish(sessionId, preview) {
      if (previewed.has(sessionId)) say({ type: 'preview', sessionId, preview })
    },
    subscribe: () => () => {},
  }
  const model = new AnthropicProvider({
    ...config.model,
    ...(process.env.ANTHROPIC_API_KEY && { apiKey: process.env.ANTHROPIC_API_KEY }),
    ...(process.env.ANTHROPIC_AUTH_TOKEN && { authToken: process.env.ANTHROPIC_AUTH_TOKEN }),
  })
  const secrets = await openSecrets({ key: encryptionKey, dataDir: config.dataDir })
  const mcp = new McpServers({ records, secrets, allowPrivate, ...config.mcp })
  const search = config.web?.search && openSearch(config.web.search, process.env)
  const web = new WebTools({ logs, allowPrivate, ...(search && { search }) })
  const endpoints = webhookEndpoints(config.webhooks ?? [], { env: process.env, allowPrivate })
  const http = new OutgoingHttp(new AddressPolicy({ allowPrivate }))
  const webhooks = webhookActivities({ connection, namespace, codec, endpoints, http })
  const transcripts = new Transcripts(logs)
  const activities = createActivities({
    connection,
    namespace,
    logs,
    records,
    blobs,
    bus,
    model,
    transcripts,
    ...(config.model.prices && { prices: config.model.prices }),
    ...(config.model.compactAtTokens && { compactAtTokens: config.model.compactAtTokens }),
    containers,
    mounts,
    mcp,
    secrets,
    outputs,
    workspaces,
    memory,
    host: hostQueue,
    limits,
    packages,
    skills,
    toolTimeoutMs: settings.toolTimeoutMs,
    allowPrivate,
    web,
  })

  const { prices } = config.model
  const pipelines = {
    connection,
    reach,
    namespace,
    taskQueue,
    codec,
    records,
    blobs,
    logs,
    bus,
    settings,
    secrets,
    allowPrivate,
    webSearch: web.names.has('web_search'),
  }
  const holdfast = Holdfast.over({ ...pipelines, ...(prices && { prices }) })

  // The codec has compressed what is large; to compress it once more, at both ends, costs more than it saves.
  const native = await NativeConnection.connect({ ...reach, grpcCompression: { codec: 'none' } })
  const { maxCachedWorkflows, maxConcurrentActivities, maxConcurrentWorkflowTasks } = config.tuning
  const options: WorkerOptions = {
    connection: native,
    namespace,
    identity: config.identity,
    activities: {
      ...activities,
      ...webhooks,
      ...sessionActivities(holdfast),
      ...scheduledActivities(holdfast),
      ...deploymentActivities(holdfast.runtime),
    },
    dataConverter: { payloadCodecs: [codec] },
    maxConcurrentActivityTaskExecutions: maxConcurrentActivities,
    // A cancelled activity must see it soon even when the watch of its history fails.
    maxHeartbeatThrottleInterval: '500ms',
    interceptors: { activity: [reportActivities(say)] },
    shutdownGraceTime: config.shutdownGraceMs,
    taskQueue,
  }
  const sinks: InjectedSinks<SessionSinks> = {
    // Also what a replay hands out: it is what the process before had.
    prompts: {
      hand: {
        fn(workflow, handout) {
          workflowIsHere(workflow)
          transcripts.take(workflow, handout)
        },
        callDuringReplay: true,
      },
    },
    activities: { stop: { fn: stopActivities } },
  }
  const workers = [
    await Worker.create({
      ...options,
      workflowBundle: await workflowBundle(),
      sinks,
      maxConcurrentWorkflowTaskExecutions: maxConcurrentWorkflowTasks,
      ...(maxCachedWorkflows && { maxCachedWorkflows }),
      // How long a task waits for the worker that has its session before any may take it. Who waits longer loses its place:
      // it is begun from the beginning of its run, behind all others. A dead worker's sessions are taken from it (`bury`).
      stickyQueueScheduleToStartTimeout: '5s',
    }),
  ]
  warmUp()
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
      const resumed = workspaces.resume().catch((error) => console.error('snapshots:', error))
      const swept = sweep(memory, { name: memoryFolders, signal })
      const orphans = new Orphans({ connection, namespace, records, containers, mounts, memory, packages, skills })
      const collected = collectOrphans(orphans, { name: besideContainers, signal })
      const renewed = renewSecrets({ records, secrets, containers }, { signal })
      await running
      await Promise.all([swept, renewed, collected, resumed])
      await workspaces.close()
      await logs.close()
      await Promise.all([
        native.close(),
        connection.close(),
        containers.close(),
        mcp.close(),
        web.close(),
        http.close(),
      ])
      await records.close()
    },
  }
}

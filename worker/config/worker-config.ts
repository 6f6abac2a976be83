import path from 'node:path'
import type { WorkerConfig } from '../config-of-worker.ts'
import type { Config } from './load-config.ts'
import type { TemporalConnection } from './temporal-connection.ts'

/**
 * What the worker processes of one host are told.
 * @param connection the server that they poll: the configured one, or Holdfast's own
 */
export function workerConfig(config: Config, connection: TemporalConnection): Omit<WorkerConfig, 'identity'> {
  const { worker, model, temporal } = config
  const { aptSources, ...rest } = config.packages
  return {
    connection,
    namespace: temporal.namespace,
    taskQueue: temporal.taskQueue,
    // One host: with one queue for all, the server hands activities out with the answer to a workflow task.
    hostQueue: temporal.taskQueue,
    dataDir: config.data,
    records: config.records,
    blobs: config.blobs,
    model: {
      stallTimeoutMs: model.stallTimeoutMs,
      ...(model.baseURL && { baseURL: model.baseURL }),
      ...(model.maxOutputTokens && { maxOutputTokens: model.maxOutputTokens }),
      ...(model.compactAtTokens && { compactAtTokens: model.compactAtTokens }),
      ...(model.prices && { prices: model.prices }),
    },
    container: config.container,
    egress: config.egress,
    packages: { ...rest, ...(aptSources && { aptSources: path.resolve(aptSources) }) },
    mcp: config.mcp,
    ...(config.web.search && { web: { search: config.web.search } }),
    webhooks: config.webhooks.map(({ events, ...rest }) => ({ ...rest, ...(events && { events }) })),
    settings: config.session,
    tuning: {
      maxConcurrentActivities: worker.maxConcurrentActivities,
      maxConcurrentWorkflowTasks: worker.maxConcurrentWorkflowTasks,
      ...(worker.maxCachedWorkflows && { maxCachedWorkflows: worker.maxCachedWorkflows }),
    },
    shutdownGraceMs: worker.shutdownGraceMs,
  }
}

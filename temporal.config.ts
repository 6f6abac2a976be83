import { defineConfig } from './worker/config/define-config.ts'

/**
 * The configuration of a Holdfast project. This file may be missing: every setting has a default, shown here; what is
 * commented out has none, or one that depends. In a project of your own the import is `from 'holdfast'`.
 *
 * Keys come from the environment only: ANTHROPIC_API_KEY (the model's), HOLDFAST_API_KEYS (the API's, separated by
 * commas), HOLDFAST_SECRET_KEY (32 bytes; encrypts what is stored), TEMPORAL_API_KEY.
 */
export default defineConfig({
  // Everything that `holdfast dev` keeps is in this folder.
  data: '.holdfast',

  // Where the API listens. Other addresses than loopback need HOLDFAST_API_KEYS.
  server: { host: '127.0.0.1', port: 4000 },

  // Bounds of requests, of each key; what is more gets a 429. None on loopback; `false` takes one away elsewhere.
  // limits: { writesPerMinute: 300, readsPerMinute: 1200, filesPerMinute: 500, underWay: 1000 },

  temporal: {
    // A server that runs already; without it Holdfast starts one. TEMPORAL_ADDRESS and Temporal's profiles work too.
    // address: 'temporal.internal:7233',
    // namespace: 'default',
    // tls: true,
    // profile: 'default',
    taskQueue: 'holdfast',
    // Ports of Holdfast's own server: 0 takes any free one. `uiPort: false` leaves the web UI away.
    embedded: { port: 0, uiPort: 0 },
  },

  worker: {
    processes: 1,
    // One more that takes over at once when another dies.
    standby: true,
    maxCachedWorkflows: 500,
    maxConcurrentActivities: 200,
    maxConcurrentWorkflowTasks: 20,
    shutdownGraceMs: 10_000,
  },

  // What new sessions are created with; sessions that exist keep theirs.
  session: {
    rollOverEvents: 400,
    modelAttempts: 8,
    retryInitialMs: 500,
    retryMaximumMs: 30_000,
    modelTimeoutMs: 30 * 60_000,
    toolTimeoutMs: 2 * 3600_000,
    heartbeatTimeoutMs: 3000,
    maxStepsPerTurn: 500,
  },

  model: {
    // Any endpoint that speaks the Messages API. ANTHROPIC_BASE_URL wins.
    // baseURL: 'http://127.0.0.1:8080',
    // maxOutputTokens: 32_000,
    stallTimeoutMs: 300_000,
    // Conversations are compacted at this many tokens; by default at what the model's window leaves room for.
    // compactAtTokens: 150_000,
    // Dollars for a million tokens, beside the list prices or in their place, by the beginning of the model's id.
    // prices: { 'my-model': { input: 1, output: 5 } },
  },

  container: {
    provider: 'auto',
    // A container that no call needs for this long is stopped; its files stay.
    idleMs: 15 * 60_000,
    limits: { memoryBytes: 2 * 1024 ** 3, pids: 512, cpus: 2, tmpBytes: 256 * 1024 ** 2 },
    // What a session may leave in /mnt/session/outputs.
    outputs: { fileBytes: 500 * 1024 ** 2, totalBytes: 5 * 1024 ** 3, files: 1000 },
    // Its files are saved as they change (docs/durability.md); `maxBytes: 0` saves none.
    snapshots: { maxBytes: 10 * 1024 ** 3, quietMs: 2000, longestMs: 30_000 },
  },

  // Host names, addresses or CIDRs that sessions may reach although private, at every port.
  egress: { allowPrivate: [] },

  // Packages of environments: mirrors, and what their managers are to know of them (docs/operating.md).
  packages: { hosts: [], environment: {}, timeoutMs: 15 * 60_000 },

  // Where web_search asks: a SearXNG of your own, or brave or tavily with `key`, the name of an environment variable.
  // web: { search: { provider: 'searxng', url: 'http://127.0.0.1:8888' } },

  // Endpoints that are told what happens to sessions (docs/webhooks.md). `secret` names an environment variable.
  // webhooks: [{ url: 'https://hooks.example.com/holdfast', secret: 'HOLDFAST_WEBHOOK_SECRET' }],

  // MCP servers of agents.
  mcp: { connectMs: 10_000, callMs: 5 * 60_000 },

  // HOLDFAST_RECORDS_URL wins. With postgres://USER@HOST/DATABASE each process has at most `connections` connections.
  // records: { url: 'sqlite:.holdfast/records.db', connections: 10 },
  // blobs: { directory: '.holdfast/blobs' },
  // Or a bucket, with credentials from AWS' own variables; `endpoint` is for services that are not Amazon's.
  // blobs: { s3: { bucket: 'my-bucket', prefix: 'holdfast/', region: 'eu-central-1' } },
})

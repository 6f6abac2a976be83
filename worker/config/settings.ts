import { z } from 'zod'
import { limits } from '../../protocol/limits.ts'
import { webhookTypes } from '../../protocol/webhooks.ts'

const MiB = 1024 * 1024
const count = z.int().min(1)
const variableName = z.string().regex(/^[A-Za-z_]\w*$/, 'expected the name of an environment variable')
const httpUrl = z.url({ protocol: /^https?$/, error: 'expected a URL with http: or https:' })
/** Timers of Node count to 2^31 ms, and those that are set to more end at once; some hours are left for what is added. */
const longestMs = 24 * 24 * 3600_000
const timer = z.int().max(longestMs, { error: `must be at most ${longestMs} (24 days)` })
const milliseconds = timer.min(1)
const bound = z.union([count, z.literal(false)])
const hasNoPassword = (url: string) =>
  !URL.canParse(url) || (new URL(url).username === '' && new URL(url).password === '')
const port = z.int().min(0).max(65_535)

const dollars = z.number().min(0)
const price = z.strictObject({
  input: z.number().positive(),
  output: dollars,
  cacheRead: dollars.optional(),
  cacheWrite5m: dollars.optional(),
  cacheWrite1h: dollars.optional(),
  fast: z.number().min(1).optional(),
  long: z.strictObject({ above: count, input: dollars, output: dollars }).optional(),
})

/** Every setting of `temporal.config.ts`, with its default. Times are milliseconds, of at most 24 days; sizes bytes. */
export const settingsSchema = z.strictObject({
  /** Folder of everything that `holdfast dev` keeps, relative to the project. `--data` wins. @default '.holdfast' */
  data: z.string().min(1).default('.holdfast'),

  /** The HTTP API. */
  server: z
    .strictObject({
      /** Addresses other than loopback need HOLDFAST_API_KEYS. `--host` wins. @default '127.0.0.1' */
      host: z.string().min(1).default('127.0.0.1'),
      /** `--port` wins; 0 takes any free port. @default 4000 */
      port: port.default(4000),
    })
    .prefault({}),

  /** What the API lets in; what is more gets a 429 with `retry-after`. `false` takes a bound away. */
  limits: z
    .strictObject({
      /** Requests a minute of one key that make or change something. @default 300, none on loopback */
      writesPerMinute: bound.optional(),
      /** Requests a minute of one key that read. @default 1200, none on loopback */
      readsPerMinute: bound.optional(),
      /** Requests a minute of one key to the Files API. @default 500, none on loopback */
      filesPerMinute: bound.optional(),
      /** Requests under way at once, of all keys, event streams apart. @default 1000, none on loopback */
      underWay: bound.optional(),
    })
    .prefault({}),

  /** How to reach Temporal. TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY and TEMPORAL_TLS win. */
  temporal: z
    .strictObject({
      /** `HOST:PORT` of a server that runs already. @default none: Holdfast starts its own */
      address: z.string().min(1).optional(),
      /** @default 'default' */
      namespace: z.string().min(1).optional(),
      /** @default false, true with an API key */
      tls: z.boolean().optional(),
      /** Profile of Temporal's own configuration file (TEMPORAL_CONFIG_FILE). TEMPORAL_PROFILE wins. @default 'default' */
      profile: z.string().min(1).optional(),
      /** Task queue of the sessions. @default 'holdfast' */
      taskQueue: z.string().min(1).default('holdfast'),
      /** The server that Holdfast starts when there is no address. */
      embedded: z
        .strictObject({
          /** 0 takes any free port. @default 0 */
          port: port.default(0),
          /** Port of the web UI: 0 takes any free one, false leaves the UI away. @default 0 */
          uiPort: z.union([port, z.literal(false)]).default(0),
        })
        .prefault({}),
    })
    .prefault({}),

  /** The worker processes. */
  worker: z
    .strictObject({
      /** @default 1 */
      processes: count.max(64).default(1),
      /** One more process that takes over at once when another dies. @default true */
      standby: z.boolean().default(true),
      /** Sessions that a process holds in memory; the others are replayed when they are needed. @default 500 */
      maxCachedWorkflows: count.default(500),
      /** Model requests and tool calls at once, in each process. @default 200 */
      maxConcurrentActivities: count.default(200),
      /** @default 20 */
      maxConcurrentWorkflowTasks: count.min(2).default(20),
      /** How long a process that stops waits for its running activities. @default 10000 */
      shutdownGraceMs: timer.min(0).default(10_000),
    })
    .prefault({}),

  /** What a session is created with; sessions that exist keep what they have. */
  session: z
    .strictObject({
      /** History events after which a session is continued as a new run, at its next step. @default 400 */
      rollOverEvents: z.int().min(50).max(10_000).default(400),
      /** Attempts of one model request before the turn ends with `retries_exhausted`. @default 8 */
      modelAttempts: count.default(8),
      /** First wait between two attempts. @default 500 */
      retryInitialMs: milliseconds.default(500),
      /** Longest wait between two attempts. @default 30000 */
      retryMaximumMs: milliseconds.default(30_000),
      /** Longest time of one model request. @default 1800000 (30 minutes) */
      modelTimeoutMs: milliseconds.min(1000).default(30 * 60_000),
      /** Longest time of one tool call. @default 7200000 (2 hours) */
      toolTimeoutMs: milliseconds.min(1000).default(2 * 3600_000),
      /** A lost host is noticed after this. @default 3000 */
      heartbeatTimeoutMs: milliseconds.min(500).default(3000),
      /** Model requests in one turn. @default 500 */
      maxStepsPerTurn: count.default(500),
    })
    .prefault({}),

  /** The endpoint that speaks the Messages API. Its key comes from ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN). */
  model: z
    .strictObject({
      /** ANTHROPIC_BASE_URL wins. @default the official SDK's */
      baseURL: z.url({ protocol: /^https?$/, error: 'expected a URL with http: or https:' }).optional(),
      /** Upper bound of `max_tokens`. @default the model's own limit */
      maxOutputTokens: count.optional(),
      /** A stream without content for this long is cut and tried again. @default 300000 */
      stallTimeoutMs: milliseconds.default(300_000),
      /**
       * Prompt and reply of this many tokens have the conversation compacted before the next request.
       * @default what the model's window leaves room for
       */
      compactAtTokens: count.min(1000).optional(),
      /**
       * US dollars for a million tokens, by the beginning of the model's id; beside the list prices, or in their place.
       * Costs and budgets are counted with them. @default none
       */
      prices: z.record(z.string().min(1), price).optional(),
    })
    .prefault({}),

  /** Where a session's tools run. */
  container: z
    .strictObject({
      /** There is one so far: `auto` is `bubblewrap`. @default 'auto' */
      provider: z.enum(['auto', 'bubblewrap']).default('auto'),
      /** A container that no call needs for this long is stopped, and its files stay. @default 900000 (15 minutes) */
      idleMs: milliseconds.min(1000).default(15 * 60_000),
      /** Of each session's container. */
      limits: z
        .strictObject({
          /** @default 2147483648 (2 GiB) */
          memoryBytes: z
            .int()
            .min(64 * MiB)
            .default(2048 * MiB),
          /** Processes and threads. @default 512 */
          pids: z.int().min(16).default(512),
          /** @default 2 */
          cpus: z.number().min(0.1).default(2),
          /** Size of /tmp, which counts as memory: at most a quarter of it. @default 268435456 (256 MiB) */
          tmpBytes: z
            .int()
            .min(MiB)
            .default(256 * MiB),
        })
        .refine(({ memoryBytes, tmpBytes }) => tmpBytes <= memoryBytes / 4, {
          path: ['tmpBytes'],
          error: 'must be at most a quarter of memoryBytes',
        })
        .prefault({}),
      /**
       * The files of a session's container are saved to the blobs, to be put back when its host or its disk is lost: what
       * changed since the last time, while nobody waits for it.
       */
      snapshots: z
        .strictObject({
          /** Files that take more on the disk are not saved; 0 saves none. @default 10737418240 (10 GiB) */
          maxBytes: z
            .int()
            .min(0)
            .default(10 * 1024 * MiB),
          /** From a call until its files are saved; another call puts it off. @default 2000 */
          quietMs: milliseconds.default(2000),
          /** That calls can put it off. @default 30000 */
          longestMs: milliseconds.default(30_000),
        })
        .prefault({}),
      /** What a session leaves in /mnt/session/outputs is offered for download within these bounds. */
      outputs: z
        .strictObject({
          /** Of one file. @default 524288000 (500 MiB) */
          fileBytes: z.int().min(0).default(limits.fileBytes),
          /** Of all files of a session together. @default 5368709120 (5 GiB) */
          totalBytes: z
            .int()
            .min(0)
            .default(5 * 1024 * MiB),
          /** Files of a session. @default 1000 */
          files: z.int().min(0).default(1000),
        })
        .prefault({}),
    })
    .prefault({}),

  /** What is reached on behalf of sessions. */
  egress: z
    .strictObject({
      /** Host names, addresses or CIDRs that may be reached although private. @default none */
      allowPrivate: z.array(z.string().min(1)).default([]),
    })
    .prefault({}),

  /** How the packages of environments are installed. */
  packages: z
    .strictObject({
      /** Hosts (`host` or `host:port`) that installations reach beside those of the managers, such as mirrors. @default none */
      hosts: z.array(z.string().min(1)).default([]),
      /**
       * Variables of the programs that install, such as `npm_config_registry`, `PIP_INDEX_URL` or `GOPROXY`. What is
       * installed can read them: no secrets. @default none
       */
      environment: z.record(variableName, z.string()).default({}),
      /** A file in the place of the host's /etc/apt/sources.list and sources.list.d. */
      aptSources: z.string().min(1).optional(),
      /** Longest time of one manager's installation. @default 900000 (15 minutes) */
      timeoutMs: milliseconds.min(1000).default(15 * 60_000),
    })
    .prefault({}),

  /** MCP servers of agents. */
  mcp: z
    .strictObject({
      /** Longest time of a connection being made, and of a list of tools. @default 10000 */
      connectMs: milliseconds.default(10_000),
      /** Longest time of one call. @default 300000 (5 minutes) */
      callMs: milliseconds.default(5 * 60_000),
    })
    .prefault({}),

  /** The tools that reach the web. */
  web: z
    .strictObject({
      /** Where `web_search` asks; without it there is no such tool. `key` names an environment variable. */
      search: z
        .discriminatedUnion('provider', [
          // A SearXNG of one's own, with json among its formats.
          z.strictObject({ provider: z.literal('searxng'), url: httpUrl }),
          z.strictObject({ provider: z.literal('brave'), key: variableName, url: httpUrl.optional() }),
          z.strictObject({ provider: z.literal('tavily'), key: variableName, url: httpUrl.optional() }),
        ])
        .optional(),
    })
    .prefault({}),

  /** Endpoints that are told what happens to sessions, by signed requests. Not those of sessions that were created without any. */
  webhooks: z
    .array(
      z.strictObject({
        url: z.url({ protocol: /^https?$/, error: 'expected a URL with https:' }),
        /** Name of the environment variable that holds the signing secret (`whsec_...`). */
        secret: variableName,
        /** @default all */
        events: z.array(z.enum(webhookTypes)).min(1).optional(),
      }),
    )
    .default([]),

  /** Agents, environments, files and the index of sessions. */
  records: z
    .strictObject({
      /**
       * `sqlite:PATH`, or `postgres://USER@HOST:PORT/DATABASE`, whose missing parts come from the variables PG… and the
       * passfile. HOLDFAST_RECORDS_URL wins. @default records.db in the data folder
       */
      url: z
        .string()
        .regex(/^(sqlite:.+|postgres(ql)?:\/\/.*)$/, 'expected sqlite:PATH or postgres://USER@HOST:PORT/DATABASE')
        .optional(),
      /** Connections to PostgreSQL at most, of each process. */
      connections: z.int().min(1).max(1000).default(10),
    })
    .prefault({}),

  /** Contents of files, the sealed parts of sessions and copies of their workspaces: in a folder, or in a bucket. */
  blobs: z
    .strictObject({
      /** @default blobs in the data folder */
      directory: z.string().min(1).optional(),
      /**
       * A bucket of Amazon S3, or of a service that speaks it. Credentials come from the standard variables
       * (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE …) or from the machine's role. @default none: the folder
       */
      s3: z
        .strictObject({
          bucket: z
            .string()
            .min(3)
            .refine(
              (name) => !name.endsWith('--x-s3'),
              'a directory bucket does not list in order: give a general purpose one',
            ),
          /** What all keys begin with, so that a bucket can have other things, too. @default none */
          prefix: z
            .string()
            .regex(/^(?:(?!\.{1,2}\/)[\w.-]+\/)+$/, 'expected a path that ends with a slash, such as holdfast/')
            .optional(),
          /** AWS_REGION is for buckets that have none here. @default us-east-1 with an endpoint */
          region: z.string().min(1).optional(),
          /** URL of the service, when it is not Amazon's. @default AWS_ENDPOINT_URL_S3 */
          endpoint: httpUrl.refine(hasNoPassword, 'credentials belong in the environment, not in the URL').optional(),
          /** Whether the bucket's name is in the path, not in the host's. @default true with an endpoint */
          forcePathStyle: z.boolean().optional(),
        })
        .optional(),
    })
    .refine(({ directory, s3 }) => !directory || !s3, { path: ['s3'], error: 'give either a directory or a bucket' })
    .prefault({}),
})

/** What `temporal.config.ts` may set. Nothing of it is needed for `holdfast dev`. */
export type HoldfastConfig = z.input<typeof settingsSchema>

/** The settings with their defaults. */
export type Settings = z.output<typeof settingsSchema>

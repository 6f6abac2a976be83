/** Numbers of the API. Source: spec §2.5, §2.8, §2.9 and the sections named below. */
export const limits = {
  metadataPairs: 16,
  metadataKey: 64,
  metadataValue: 512,

  agentName: 256,
  agentDescription: 2048,
  system: 100_000,
  tools: 256,
  mcpServers: 20,
  credentialsPerVault: 20,
  vaultsPerSession: 50,

  /** Characters of an `Idempotency-Key`; the API states none. */
  idempotencyKey: 255,
  /** Bytes of a JSON request body. */
  requestBytes: 32 * 1024 * 1024,
  /** Values in a JSON request body; the API states none, this bounds what one request makes the server do. */
  requestValues: 250_000,
  /** Bytes of one uploaded file. */
  fileBytes: 500 * 1024 * 1024,
  filesPerSession: 500,
  mountPathBytes: 1024,
  /** The API states none. */
  repositoriesPerSession: 20,
  memoryStoresPerSession: 8,
  memoriesPerStore: 2000,
  memoryBytes: 102_400,
  memoryPathBytes: 1024,
  memoryPathSegments: 20,
  deploymentName: 256,
  deploymentDescription: 2048,
  deploymentResources: 500,
  scheduledDeployments: 1000,
  /** Bytes of a skill's files together, as they are once unpacked. */
  skillBytes: 30 * 1024 * 1024,
  /** The API states none. */
  skillFiles: 2000,
  /** The API states none; each takes a block of the disk of every host that has the skill. */
  skillFolders: 2000,
  /** Bytes of a path within a skill; the API states none. */
  skillPathBytes: 512,
  skillDisplayName: 255,
  skillName: 64,
  skillDescription: 1024,
  /** Characters of the front matter of a SKILL.md; the API states none. */
  skillFrontMatterCharacters: 16 * 1024,
  skillsPerSession: 500,
  initialEvents: 50,
  /** Events in one `events.send`; the API states none, this bounds one signal. */
  eventsPerSend: 100,
  documentsFromFiles: 100,
  /** Bytes that files may take in one request to the model. Source: the Messages API's 32 MB for a request. */
  shownFilesBytes: 32_000_000,
  systemMessageBlocks: 1000,
  eventDeltas: 100,
  sessionTitle: 1024,

  /** Characters of a tool result that the model sees; the rest goes to a file in the container. Spec §10.6. */
  toolOutputCharacters: 100_000,
} as const

/** Default and largest page size per list. Where the API states none, ours. Source: spec §2.5. */
export const pageSizes = {
  agents: { default: 20, max: 100 },
  agentVersions: { default: 20, max: 100 },
  environments: { default: 20, max: 100 },
  sessions: { default: 20, max: 100 },
  sessionEvents: { default: 1000, max: 1000 },
  sessionResources: { default: 1000, max: 1000 },
  sessionThreads: { default: 1000, max: 1000 },
  files: { default: 20, max: 1000 },
  memoryStores: { default: 20, max: 100 },
  memories: { default: 20, max: 100 },
  memoryVersions: { default: 20, max: 100 },
  skills: { default: 20, max: 100 },
  skillVersions: { default: 20, max: 1000 },
  vaults: { default: 20, max: 100 },
  credentials: { default: 20, max: 100 },
  deployments: { default: 20, max: 100 },
  deploymentRuns: { default: 20, max: 1000 },
} as const

/** Largest page of memories or versions that come with their content. */
export const memoriesWithContent = 20

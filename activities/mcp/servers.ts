import type { RunToolInput } from '../../protocol/contract.ts'
import type { McpServer } from '../../protocol/mcp-servers.ts'
import type { SessionAgent } from '../../protocol/sessions.ts'
import type { Records, SessionRecord } from '../../store/records.ts'
import type { SecretBox } from '../../store/secrets.ts'
import { AddressPolicy } from '../egress/address-policy.ts'
import { blot } from '../egress/blot.ts'
import { OutgoingHttp } from '../egress/outgoing-http.ts'
import type { OutsideResult } from '../large-results.ts'
import { accessTo, type ServerAccess } from '../vaults/server-access.ts'
import { TokenRefresher } from '../vaults/token-refresher.ts'
import { callTool } from './call-tool.ts'
import { catalogOf, type DiscoveredTool, discoveredTools, type McpCatalog } from './catalog.ts'
import { McpConnections } from './connections.ts'
import { failureOf, type McpFailure } from './failures.ts'
import { isReachable } from './reachable.ts'

export interface McpServersOptions {
  records: Records
  secrets: SecretBox
  /** Host names, addresses or CIDRs that may be reached although private. */
  allowPrivate: readonly string[]
  /** For a handshake, and for a list of tools, milliseconds. */
  connectMs: number
  /** For one call, milliseconds. */
  callMs: number
}

/** A session as it stands: its row and the agent that it runs. */
export interface SessionAtWork {
  session: SessionRecord
  agent: SessionAgent
  /** Of the configuration that `agent` is. */
  revision: number
}

type Discovery = { tools: DiscoveredTool[] } | { failure: McpFailure }

interface Known {
  discovery: Promise<Discovery>
  until: number
  failed: boolean
}

/** How long a list of tools is kept: the prompt begins with it, and a new one would miss the provider's cache. Milliseconds. */
const keptMs = 10 * 60_000
/** How long a server that failed is left alone within a turn. Milliseconds. */
const failedMs = 60_000
const mostKnown = 2000
/** Entries of a server's list that are read at all. */
const mostListed = 10_000

/** The MCP servers of the sessions on this worker. */
export class McpServers {
  readonly #options: McpServersOptions
  readonly #http: OutgoingHttp
  readonly #connections: McpConnections
  readonly #refresher: TokenRefresher
  readonly #known = new Map<string, Known>()
  readonly #accesses = new Map<string, ServerAccess>()

  constructor(options: McpServersOptions) {
    const { records, secrets, allowPrivate, connectMs } = options
    this.#options = options
    this.#http = new OutgoingHttp(new AddressPolicy({ allowPrivate }), { connectMs })
    this.#connections = new McpConnections(this.#http, { connectMs })
    this.#refresher = new TokenRefresher({ credentials: records.credentials, secrets, http: this.#http })
  }

  /**
   * The tools of the agent's servers.
   * @param options.retry servers that failed before are tried again: a turn begins
   */
  async catalog(at: SessionAtWork, options: { retry: boolean; signal: AbortSignal }): Promise<McpCatalog> {
    const { agent } = at
    const found = await Promise.all(
      agent.mcp_servers.map(async (server) => {
        const discovery = await aborting(options.signal, this.#discover(at, server, options.retry))
        return [server.name, discovery] as const
      }),
    )
    const discovered = new Map<string, DiscoveredTool[]>()
    const failures: McpFailure[] = []
    for (const [name, discovery] of found) {
      if ('tools' in discovery) discovered.set(name, discovery.tools)
      else failures.push(discovery.failure)
    }
    return catalogOf(agent, discovered, failures)
  }

  /** Calls a tool, at most once. Never throws for what a server does. */
  async call(at: SessionAtWork, call: RunToolInput, signal: AbortSignal): Promise<OutsideResult> {
    const server = at.agent.mcp_servers.find(({ name }) => name === call.mcpServer)
    return callTool(call, {
      place: server && {
        sessionId: at.session.id,
        url: server.url,
        access: this.#access(at.session, server.url),
      },
      connections: this.#connections,
      timeoutMs: this.#options.callMs,
      signal,
      unreachable: async () => server !== undefined && !(await this.#isReachable(at.session, server.url)),
      isRepeatable: async () => {
        if (!server) return false
        const discovery = await this.#discover(at, server, true)
        return 'tools' in discovery && discovery.tools.some(({ name, repeatable }) => name === call.name && repeatable)
      },
    })
  }

  async close(): Promise<void> {
    await this.#connections.close()
    await this.#http.close()
  }

  #discover(at: SessionAtWork, server: McpServer, retry: boolean): Promise<Discovery> {
    const key = JSON.stringify([at.session.id, at.revision, server.name])
    const known = this.#known.get(key)
    if (known && known.until > Date.now() && !(retry && known.failed)) return known.discovery
    const discovery = this.#list(at.session, server)
    const fresh: Known = { discovery, until: Date.now() + keptMs, failed: false }
    void discovery.then((result) => {
      if ('tools' in result) return
      fresh.failed = true
      fresh.until = Date.now() + failedMs
    })
    remember(this.#known, key, fresh)
    return discovery
  }

  async #list(session: SessionRecord, { name, url }: McpServer): Promise<Discovery> {
    const access = this.#access(session, url)
    const place = { sessionId: session.id, url, access }
    try {
      if (!(await this.#isReachable(session, url))) {
        throw new Error("the environment's networking does not allow it: set allow_mcp_servers, or list its host")
      }
      const timeoutMs = this.#options.connectMs
      const list = await this.#connections.use(place, async (connection, known) => {
        try {
          return await connection.listTools({ timeoutMs }, mostListed)
        } catch (error) {
          this.#connections.forget(place)
          if (!known) throw error
          // It may have been the connection that was stale.
          return this.#connections.use(place, (other) => other.listTools({ timeoutMs }, mostListed))
        }
      })
      // A server may repeat what it was given here too.
      return { tools: discoveredTools(JSON.parse(blot(JSON.stringify(list), [...access.used]))) }
    } catch (error) {
      return { failure: failureOf(name, error, access.used) }
    }
  }

  /** One for all that a session does with a server: it knows every secret that the server was given. */
  #access({ id, vaultIds }: SessionRecord, url: string): ServerAccess {
    const { records, secrets } = this.#options
    const key = JSON.stringify([id, url])
    const known = this.#accesses.get(key)
    const parts = { credentials: records.credentials, secrets, refresher: this.#refresher }
    const access = known ?? accessTo(url, vaultIds, parts)
    remember(this.#accesses, key, access)
    return access
  }

  async #isReachable({ environmentId }: SessionRecord, url: string): Promise<boolean> {
    const environment = await this.#options.records.environments.get(environmentId)
    return environment === undefined || isReachable(url, environment.config.networking)
  }
}

/** Keeps what was used last. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > mostKnown) map.delete(map.keys().next().value!)
}

/** What others may be waiting for too goes on. */
function aborting<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

import type { SessionAgent } from '../protocol/sessions.ts'
import { builtinSetting } from '../protocol/tools.ts'
import type { SessionRecord } from '../store/records.ts'
import type { ModelDelta } from './model/provider.ts'
import { containerTools } from './model/tool-definitions.ts'
import { openSessionContainer, type SessionContainerDependencies } from './session-container.ts'

export interface AheadDependencies extends SessionContainerDependencies {
  /** Task queue of this host's containers, offered to sessions that have none yet. */
  host: string
}

/** The request whose reply is coming in. */
export interface AheadOf {
  session: SessionRecord
  agent: SessionAgent
  revision: number
  /** Task queue of the host that has the session's container, when there is one. */
  bound: string | undefined
  signal: AbortSignal
}

/**
 * Starts a session's container while the model still writes down its first call, so that the call finds it there.
 * Nothing depends on it: a failure is found, and told, by the call itself.
 */
export class ContainerAhead {
  readonly #dependencies: AheadDependencies
  readonly #of: AheadOf
  #isBegun = false

  constructor(dependencies: AheadDependencies, of: AheadOf) {
    this.#dependencies = dependencies
    this.#of = of
  }

  /** What the workflow has to know, whatever comes of the reply: what was begun here has to be erased here. */
  get bound(): { host?: string } {
    const { host } = this.#dependencies
    return this.#isBegun ? { host } : {}
  }

  take(delta: ModelDelta): void {
    if (this.#isBegun || delta.type !== 'block_start' || delta.tool === undefined) return
    const { agent, bound } = this.#of
    const isHere = bound === undefined || bound === this.#dependencies.host
    if (!isHere || !runsInside(agent, delta.tool)) return
    this.#isBegun = true
    this.#start().catch(() => {})
  }

  async #start(): Promise<void> {
    const { session, revision, signal } = this.#of
    if (await this.#dependencies.containers.runs(session.id)) return
    const container = await openSessionContainer(this.#dependencies, session, { revision, isMoving: false, signal })
    if (!signal.aborted) await container.start()
  }
}

/** Whether a tool runs in the container as soon as it is called. */
function runsInside({ tools }: SessionAgent, name: string): boolean {
  if (!Object.hasOwn(containerTools, name)) return false
  const setting = builtinSetting(tools, name)
  return setting?.enabled === true && setting.permission_policy.type !== 'always_ask'
}

import { CancellationScope, proxySinks, upsertMemo, uuid4, workflowInfo } from '@temporalio/workflow'
import type { Budget } from '../protocol/budgets.ts'
import {
  type AnnouncedEvent,
  type Announcement,
  awaitedFor,
  type Carried,
  type Command,
  names,
  type OpenToolUse,
  type PendingToolUse,
  type Phase,
  type SessionMemo,
  type SessionSettings,
  type SessionSinks,
  type SessionStart,
  type Watcher,
} from '../protocol/contract.ts'
import type { StopDetails, StopReason } from '../protocol/events.ts'
import { idFrom, primaryThreadId } from '../protocol/ids.ts'
import { costOfMoney, moneyOf } from '../protocol/prices.ts'
import { next, type SessionStatus, type StatusFact } from '../protocol/status.ts'
import { addUsage, noUsage, type SessionUsage, type StepUsage } from '../protocol/usage.ts'
import type { WebTool } from '../protocol/web-tool-names.ts'
import { type WebhookEvent, webhookTypesOf } from '../protocol/webhooks.ts'
import { Handouts } from './handouts.ts'
import { Inbox } from './inbox.ts'
import { webhookEvent } from './webhook-events.ts'

const { activities } = proxySinks<SessionSinks>()

type Body<E> = E extends unknown ? Omit<E, 'id'> : never

/** What a running session knows, and its voice: every change that a user can see goes through `announce`. */
export class SessionState {
  readonly id = workflowInfo().workflowId
  readonly run: number
  readonly agentName: string
  readonly settings: SessionSettings
  revision: number
  readonly inbox: Inbox
  readonly handouts: Handouts
  commands: Command[]
  watchers: Watcher[]
  /** Ids of the activities that an interrupt stops. */
  readonly open = new Set<string>()
  /** Ids of the watchers that are being told. */
  readonly telling = new Set<string>()
  /** What happened and is not yet handed over to be delivered. */
  webhooks: WebhookEvent[]
  status: SessionStatus
  stopReason: StopReason | null
  phase: Phase
  tools: OpenToolUse[]
  usage: SessionUsage
  steps: number
  host: string | undefined
  /** Id of the call that is on its way to find another host, after the session's was left. */
  hostSeeker: string | undefined
  transcriptFrom: number
  budget: Budget | null
  /** The next model request is preceded by a compaction. */
  nearWindow: boolean
  /** Compactions since the model's last reply. */
  compactions: number
  /** What the turn has said of MCP servers that failed. */
  noticed: string[]
  /** No announcement may be made any more: the run's segment is written or being written. */
  sealing = false
  /** History events before which no roll over is tried: the last one failed. */
  rollOverNotBefore = 0
  /** Workflow time of the last announcement of a lost worker. */
  lossAnnouncedAt = 0
  /** Nano-dollars at list price. */
  #cost: number
  #activeMs: number
  #activeSince: number | undefined
  #scope: CancellationScope | undefined

  constructor(start: SessionStart) {
    const { carried } = start
    this.run = start.run
    this.agentName = start.agentName
    this.settings = start.settings
    this.revision = start.revision
    this.handouts = new Handouts(start.run)
    this.handouts.note({ kind: 'started', input: start })
    this.inbox = new Inbox(carried?.inbox ?? start.initialEvents, carried?.recent)
    this.commands = carried?.commands ?? []
    this.watchers = carried?.watchers ?? []
    this.webhooks = carried?.webhooks ?? []
    if (start.settings.webhooks && !carried) this.webhooks.push(webhookEvent(this.id, 'session.created'))
    this.status = carried?.status ?? 'idle'
    this.stopReason = carried?.stopReason ?? null
    this.phase = carried?.phase ?? 'idle'
    this.tools = carried?.tools ?? []
    this.usage = carried?.usage ?? noUsage()
    this.steps = carried?.steps ?? 0
    this.host = carried?.host
    this.transcriptFrom = carried?.transcriptFrom ?? 0
    this.budget = (carried ?? start).budget ?? null
    this.nearWindow = carried?.nearWindow ?? false
    this.noticed = carried?.noticed ?? []
    this.compactions = carried?.compactions ?? 0
    this.#cost = carried?.cost ?? 0
    this.#activeMs = carried?.activeMs ?? 0
    this.#activeSince = carried?.activeSince
  }

  get archiving(): boolean {
    return this.commands.some((command) => command.type === 'archive')
  }

  /** Whether the turn is to end here, whatever it is at. */
  get stopping(): boolean {
    return this.inbox.hasInterrupt || this.archiving
  }

  /** Whether the budget is used up. */
  get capped(): boolean {
    return this.budget !== null && this.#cost >= costOfMoney(this.budget.max_list_cost)
  }

  /** Counts a call of a web tool that brought something. Source: spec §14.2. */
  usedWeb(name: WebTool): void {
    const { server_tool_use } = this.usage
    const key = `${name}_requests` as const
    this.usage = { ...this.usage, server_tool_use: { ...server_tool_use, [key]: server_tool_use[key] + 1 } }
  }

  /** Counts a model request. */
  spend(step: { usage: StepUsage; cost?: number }): void {
    this.usage = addUsage(this.usage, step.usage)
    if (step.cost === undefined) return
    this.#cost += step.cost
    this.usage = { ...this.usage, list_cost: moneyOf(this.#cost) }
  }

  /** Changes the status by a fact of the status machine. */
  turn(fact: StatusFact): void {
    const active = (status: SessionStatus) => status === 'running' || status === 'rescheduling'
    const before = this.status
    this.status = next(before, fact)
    if (!active(before) && active(this.status)) this.#activeSince = Date.now()
    if (active(before) && !active(this.status)) {
      this.#activeMs += Date.now() - this.#activeSince!
      this.#activeSince = undefined
      this.usage = { ...this.usage, active_seconds: this.#activeMs / 1000 }
    }
  }

  /** Writes events into the log, with the newest state beside them: one history event. */
  announce({ events, ...announcement }: Omit<Announcement, 'events'> & { events: Body<AnnouncedEvent>[] }): void {
    const named = events.map((event) => ({ id: idFrom('event', uuid4()), ...event }) as AnnouncedEvent)
    const announced: Announcement = { ...announcement, events: named }
    this.handouts.note({ kind: 'announced', announcement: announced })
    upsertMemo({ [names.announcement]: announced, [names.state]: this.memo() })
    if (this.settings.webhooks) {
      this.webhooks.push(...named.flatMap(webhookTypesOf).map((type) => webhookEvent(this.id, type)))
    }
  }

  /** The events of a change to running. */
  running(): Body<AnnouncedEvent>[] {
    return [{ type: 'session.status_running' }, { type: 'session.thread_status_running', ...this.#thread }]
  }

  rescheduled(): Body<AnnouncedEvent>[] {
    return [{ type: 'session.thread_status_rescheduled', ...this.#thread }, { type: 'session.status_rescheduled' }]
  }

  /**
   * The events of a change to idle: thread, usage, session, in this order. A turn that ends with the budget's last cent
   * says how it ended; the session says that it takes no more. Source: spec §7, §14.3.
   */
  idle(stopReason: StopReason, stopDetails: StopDetails | null = null): Body<AnnouncedEvent>[] {
    const spent = this.capped && stopReason.type !== 'requires_action'
    this.stopReason = spent ? { type: 'budget_reached' } : stopReason
    return [
      {
        type: 'session.thread_status_idle',
        ...this.#thread,
        stop_reason: stopReason,
        stop_details: stopDetails,
      },
      { type: 'session.usage', usage: this.usage, budget: this.budget },
      { type: 'session.status_idle', stop_reason: this.stopReason, stop_details: spent ? null : stopDetails },
    ]
  }

  terminated(): Body<AnnouncedEvent>[] {
    return [{ type: 'session.thread_status_terminated', ...this.#thread }, { type: 'session.status_terminated' }]
  }

  get #thread() {
    return { session_thread_id: primaryThreadId(this.id), agent_name: this.agentName }
  }

  /** Tool uses that wait for the client. */
  get pending(): PendingToolUse[] {
    return this.tools.filter((tool) => tool.state === 'wait').map(({ id, kind }) => ({ id, awaits: awaitedFor(kind) }))
  }

  memo(): SessionMemo {
    return {
      run: this.run,
      status: this.status,
      stopReason: this.status === 'idle' ? this.stopReason : null,
      pending: this.phase === 'blocked' ? this.pending : [],
      ...(this.host && { host: this.host }),
      usage: this.usage,
      revision: this.revision,
      ...(this.capped && { capped: true }),
      budget: this.budget,
      ...(this.#activeSince !== undefined && { activeSince: this.#activeSince }),
      updatedAt: Date.now(),
    }
  }

  /** Does work that an interrupt ends at once. */
  async interruptible<T>(work: () => Promise<T>): Promise<T> {
    this.#scope = new CancellationScope()
    try {
      return await this.#scope.run(work)
    } finally {
      this.#scope = undefined
    }
  }

  /** Temporal tells an activity with its next heartbeat; the process here is told at once, where it is the one. */
  interrupt(): void {
    if (!this.#scope || this.#scope.consideredCancelled) return
    if (this.open.size > 0) activities.stop([...this.open])
    this.#scope.cancel()
  }

  carry(): Carried {
    return {
      status: this.status,
      stopReason: this.stopReason,
      phase: this.phase,
      inbox: this.inbox.waiting,
      lateFrom: this.inbox.sealed ?? this.inbox.waiting.length,
      recent: this.inbox.recent,
      commands: this.commands,
      ...(this.watchers.length > 0 && { watchers: this.watchers }),
      ...(this.webhooks.length > 0 && { webhooks: this.webhooks }),
      tools: this.tools,
      usage: this.usage,
      cost: this.#cost,
      budget: this.budget,
      ...(this.nearWindow && { nearWindow: true }),
      ...(this.noticed.length > 0 && { noticed: this.noticed }),
      ...(this.compactions > 0 && { compactions: this.compactions }),
      activeMs: this.#activeMs,
      ...(this.#activeSince !== undefined && { activeSince: this.#activeSince }),
      steps: this.steps,
      ...(this.host && { host: this.host }),
      transcriptFrom: this.transcriptFrom,
    }
  }
}

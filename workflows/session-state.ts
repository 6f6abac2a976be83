import { CancellationScope, upsertMemo, uuid4, workflowInfo } from '@temporalio/workflow'
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
  type SessionStart,
} from '../protocol/contract.ts'
import type { StopDetails, StopReason } from '../protocol/events.ts'
import { idFrom, primaryThreadId } from '../protocol/ids.ts'
import { next, type SessionStatus, type StatusFact } from '../protocol/status.ts'
import { noUsage, type SessionUsage } from '../protocol/usage.ts'
import { Inbox } from './inbox.ts'

type Body<E> = E extends unknown ? Omit<E, 'id'> : never

/** What a running session knows, and its voice: every change that a user can see goes through `announce`. */
export class SessionState {
  readonly id = workflowInfo().workflowId
  readonly run: number
  readonly agentName: string
  readonly settings: SessionSettings
  revision: number
  readonly inbox: Inbox
  commands: Command[]
  status: SessionStatus
  stopReason: StopReason | null
  phase: Phase
  tools: OpenToolUse[]
  usage: SessionUsage
  steps: number
  host: string | undefined
  transcriptFrom: number
  /** No announcement may be made any more: the run's segment is written or being written. */
  sealing = false
  /** Workflow time of the last announcement of a lost worker. */
  lossAnnouncedAt = 0
  #activeMs: number
  #activeSince: number | undefined
  #scope: CancellationScope | undefined

  constructor(start: SessionStart) {
    const { carried } = start
    this.run = start.run
    this.agentName = start.agentName
    this.settings = start.settings
    this.revision = start.revision
    this.inbox = new Inbox(carried?.inbox ?? start.initialEvents, carried?.recent)
    this.commands = carried?.commands ?? []
    this.status = carried?.status ?? 'idle'
    this.stopReason = carried?.stopReason ?? null
    this.phase = carried?.phase ?? 'idle'
    this.tools = carried?.tools ?? []
    this.usage = carried?.usage ?? noUsage()
    this.steps = carried?.steps ?? 0
    this.host = carried?.host
    this.transcriptFrom = carried?.transcriptFrom ?? 0
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
    upsertMemo({
      [names.announcement]: { ...announcement, events: named } satisfies Announcement,
      [names.state]: this.memo(),
    })
  }

  /** The events of a change to running. */
  running(): Body<AnnouncedEvent>[] {
    return [{ type: 'session.status_running' }, { type: 'session.thread_status_running', ...this.#thread }]
  }

  rescheduled(): Body<AnnouncedEvent>[] {
    return [{ type: 'session.thread_status_rescheduled', ...this.#thread }, { type: 'session.status_rescheduled' }]
  }

  /** The events of a change to idle: thread, usage, session, in this order. Source: spec §7. */
  idle(stopReason: StopReason, stopDetails: StopDetails | null = null): Body<AnnouncedEvent>[] {
    this.stopReason = stopReason
    const reason = { stop_reason: stopReason, stop_details: stopDetails }
    return [
      { type: 'session.thread_status_idle', ...this.#thread, ...reason },
      { type: 'session.usage', usage: this.usage },
      { type: 'session.status_idle', ...reason },
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

  interrupt(): void {
    this.#scope?.cancel()
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
      tools: this.tools,
      usage: this.usage,
      activeMs: this.#activeMs,
      ...(this.#activeSince !== undefined && { activeSince: this.#activeSince }),
      steps: this.steps,
      ...(this.host && { host: this.host }),
      transcriptFrom: this.transcriptFrom,
    }
  }
}

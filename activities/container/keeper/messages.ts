import type { ToolResult } from '../../../protocol/contract.ts'
import type { ContainerCall, ContainerSpec, Injection } from '../provider.ts'

/**
 * Version of these messages; a keeper of another one has to be ended first. What a keeper may leave undone needs no new
 * one: an operation that it does not know it answers with nothing.
 */
export const keeperProtocol = 5

/** What a client asks a keeper, a line each. */
export type KeeperRequest = { request: number } & (
  | { op: 'hello'; protocol: number }
  | { op: 'call'; spec: ContainerSpec; call: ContainerCall }
  | { op: 'start'; spec: ContainerSpec }
  | { op: 'runs'; sessionId: string }
  | { op: 'abort'; sessionId: string; callId: string }
  | { op: 'stop'; sessionId: string }
  | { op: 'destroy'; sessionId: string }
  | { op: 'injected' }
  | { op: 'inject'; sessionId: string; injections: Injection[] }
  | { op: 'shutdown' }
)

/** What it answers. */
export type KeeperResponse = { request: number } & (
  | { ok: true; result?: ToolResult | string[] | number | boolean }
  | { ok: false; error: { name: string; reason: string; fix?: string } }
)

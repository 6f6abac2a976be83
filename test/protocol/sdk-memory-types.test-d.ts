/** Checked by `tsc` alone: memory stores fit the official SDK's types, and what it sends fits ours. */
import type Anthropic from '@anthropic-ai/sdk'
import type { Memory, MemoryCreateParams, MemoryListItem, MemoryListParams } from '../../protocol/memories.ts'
import type { MemoryStore, MemoryStoreCreateParams, MemoryStoreUpdateParams } from '../../protocol/memory-stores.ts'
import type { MemoryVersion } from '../../protocol/memory-versions.ts'

type Fits<Ours extends Theirs, Theirs> = Ours
type Sent<P> = Omit<P, 'betas' | 'workspace_id'>

/** The SDK's type leaves out that nobody may have written or redacted a version, which its text states. */
type Version = Omit<MemoryVersion, 'created_by' | 'redacted_by'> & {
  created_by?: NonNullable<MemoryVersion['created_by']>
  redacted_by?: NonNullable<MemoryVersion['redacted_by']>
}

export type Answers = [
  Fits<MemoryStore, Anthropic.Beta.BetaManagedAgentsMemoryStore>,
  Fits<Memory, Anthropic.Beta.MemoryStores.BetaManagedAgentsMemory>,
  Fits<MemoryListItem, Anthropic.Beta.MemoryStores.BetaManagedAgentsMemoryListItem>,
  Fits<Version, Anthropic.Beta.MemoryStores.BetaManagedAgentsMemoryVersion>,
]

export type Requests = [
  Fits<Sent<Anthropic.Beta.MemoryStoreCreateParams>, MemoryStoreCreateParams>,
  Fits<Sent<Anthropic.Beta.MemoryStoreUpdateParams>, MemoryStoreUpdateParams>,
  Fits<Sent<Anthropic.Beta.MemoryStores.MemoryCreateParams>, MemoryCreateParams>,
  Fits<Omit<Sent<Anthropic.Beta.MemoryStores.MemoryListParams>, 'depth'>, MemoryListParams>,
]

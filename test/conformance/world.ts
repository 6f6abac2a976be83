import type Anthropic from '@anthropic-ai/sdk'
import type { TestHost } from '../support/host.ts'
import type { Recorder } from './recorder.ts'

/** What the conformance tests work with; there once the suite has begun. */
export interface World {
  host: TestHost
  recorder: Recorder
  /** The official SDK, watched by the recorder. */
  client: Anthropic
}

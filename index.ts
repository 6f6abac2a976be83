/** What a pipeline imports: `import { openHoldfast } from 'holdfast'`. */
export type { HoldfastApi } from './client/api.ts'
export { HoldfastClosed } from './client/closed.ts'
export { Holdfast, type HoldfastOptions } from './client/holdfast.ts'
export {
  type LoggedEvent,
  type RunOptions,
  Session,
  SessionStopped,
  type WaitOptions,
} from './client/session.ts'
export type { Idle } from './client/standing.ts'
export { defineTool, type ToolContext, type ToolDefinition, type Toolset, toolset } from './client/tools.ts'
export { ApiError, type ApiErrorType } from './protocol/errors.ts'
export { ResultError } from './protocol/typed-results.ts'
export { ConfigError } from './worker/config/config-error.ts'
export { defineConfig } from './worker/config/define-config.ts'
export { type Config, type LoadOptions, loadConfig } from './worker/config/load-config.ts'
export type { HoldfastConfig } from './worker/config/settings.ts'
export { openHoldfast } from './worker/open-holdfast.ts'

/** For your own worker processes: `import { createToolWorker, sessionActivities } from 'holdfast/worker'`. */
export { defineTool, type ToolContext, type ToolDefinition, type Toolset, toolset } from '../client/tools.ts'
export { sessionActivities } from './session-activities.ts'
export { createToolWorker } from './tool-worker.ts'

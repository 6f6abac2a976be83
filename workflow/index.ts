/** Sessions inside your own workflows: `import { startSession } from 'holdfast/workflow'`. */
export {
  getSession,
  type Idle,
  type RunOptions,
  type SessionOptions,
  type StartOptions,
  startSession,
  type WaitOptions,
  WorkflowSession,
} from './session.ts'

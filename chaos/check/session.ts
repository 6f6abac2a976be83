import type { Evidence } from '../evidence.ts'
import type { CheckFinding } from './finding.ts'
import { checkLog } from './log.ts'
import { checkModel } from './model.ts'
import { checkTools } from './tools.ts'

/** Everything that must hold of a session, from what its users can see. Nothing found is what is wanted. */
export function checkSession(evidence: Evidence): CheckFinding[] {
  // It may still move: what else is seen of it says nothing.
  if (evidence.complaints.some(({ kind }) => kind === 'stuck')) return evidence.complaints
  return [...evidence.complaints, ...checkLog(evidence), ...checkTools(evidence), ...checkModel(evidence)]
}

import { describe, expect, it } from 'vitest'
import { type OpenActivityFacts, type SessionFacts, troublesOf } from '../../cli/session-health.ts'

const now = 1_000_000
const boundMs = 60_000

const activity = (given: Partial<OpenActivityFacts>): OpenActivityFacts => ({
  name: 'runTool',
  since: now - 10,
  attempt: 1,
  begun: true,
  ...given,
})

function kindsOf(given: Partial<SessionFacts>): string[] {
  const facts = { id: 'sesn_1', status: 'running', lastEventAt: now - 10, activities: [], unpolled: [], ...given }
  return troublesOf(facts, now, boundMs).map(({ kind }) => kind)
}

describe('a session that gets on', () => {
  it('has no trouble: idle for days, or working and heard of', () => {
    expect(kindsOf({ status: 'idle', lastEventAt: 0 })).toEqual([])
    expect(kindsOf({ lastEventAt: 0, activities: [activity({ since: 0, lastHeartbeatAt: now - 500 })] })).toEqual([])
  })

  it('may be idle although no worker runs', () => {
    expect(kindsOf({ status: 'idle', lastEventAt: 0, unpolled: ['holdfast'] })).toEqual([])
  })
})

describe('a session that does not', () => {
  it('was terminated, with the reason that the operator gave', () => {
    const facts = { id: 'sesn_1', status: 'running', lastEventAt: 0, activities: [], unpolled: [] }
    const [trouble] = troublesOf({ ...facts, ended: { how: 'terminated', reason: 'too dear' } }, now, boundMs)
    expect(trouble).toMatchObject({ kind: 'ended', why: 'its workflow was terminated (too dear)' })
  })

  it('has workflow code that fails', () => {
    expect(kindsOf({ task: { since: 0, attempt: 4, failure: 'x is undefined' } })).toEqual(['workflow-task-failing'])
  })

  it('waits for a worker, or for the host that has its files', () => {
    const task = { since: now - 10, attempt: 1 }
    expect(kindsOf({ task, unpolled: ['holdfast'] })).toEqual(['no-worker'])
    const activities = [activity({ begun: false })]
    expect(kindsOf({ activities, unpolled: ['host-1'], host: 'host-1' })).toEqual(['host-gone'])
  })

  it('has an activity that fails, or is not heard of', () => {
    expect(kindsOf({ activities: [activity({ attempt: 3, lastFailure: 'disk full' })] })).toEqual(['activity-failing'])
    expect(kindsOf({ activities: [activity({ since: 0, lastHeartbeatAt: 5 })] })).toEqual(['activity-silent'])
  })

  it('says that it runs and does nothing', () => {
    expect(kindsOf({ lastEventAt: now - boundMs - 1 })).toEqual(['no-progress'])
    expect(kindsOf({ status: 'idle', task: { since: 0, attempt: 1 } })).toEqual(['no-progress'])
  })
})

describe('a reset', () => {
  it('is told of a session in trouble only', () => {
    const reset = { at: now - 5000, reason: 'by hand' }
    expect(kindsOf({ reset })).toEqual([])
    expect(kindsOf({ reset, lastEventAt: 0 })).toEqual(['no-progress', 'reset'])
  })
})

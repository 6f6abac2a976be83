import { describe, expect, it } from 'vitest'
import { checkSession } from '../../chaos/check/session.ts'
import type { Evidence } from '../../chaos/evidence.ts'
import { goodEvidence, ms } from './evidence.ts'

/** Kinds of what is found when the evidence is spoilt. */
function found(spoil: (evidence: Evidence) => void): string[] {
  const evidence = goodEvidence()
  spoil(evidence)
  return [...new Set(checkSession(evidence).map(({ kind }) => kind))]
}

/** The same, leaving out that the readers would see another result. */
const foundOfResult = (spoil: (evidence: Evidence) => void) =>
  found((evidence) => {
    spoil(evidence)
    evidence.streams = []
  })

const event = ({ listed }: Evidence, id: string) => listed.find((candidate) => candidate.id === id)!
const setResult = (evidence: Evidence, text: string, is_error = true) =>
  Object.assign(event(evidence, 'sevt_t'), { content: [{ type: 'text', text }], is_error })

describe('the checker', () => {
  it('finds nothing where nothing is wrong', () => {
    expect(found(() => {})).toEqual([])
  })

  it('finds an accepted event that is not in the log, or never processed', () => {
    expect(found(({ accepted }) => accepted.push({ key: 'k', ids: ['sevt_x'] }))).toEqual(['lost'])
    expect(found((evidence) => Object.assign(event(evidence, 'sevt_m'), { processed_at: null }))).toContain('lost')
  })

  it('finds what is in the log twice, under one id or under two', () => {
    expect(found(({ listed }) => listed.splice(1, 0, listed[0]!))).toContain('doubled')
    expect(found(({ listed }) => listed.splice(1, 0, { ...listed[0]!, id: 'sevt_n' }))).toContain('doubled')
    expect(found(({ listed }) => listed.push({ ...listed[7]!, id: 'sevt_b' }))).toContain('doubled')
  })

  it('finds readers that disagree', () => {
    expect(found((evidence) => (evidence.pages = evidence.listed.toReversed()))).toEqual(['reordered'])
    expect(found(({ streams }) => streams[1]!.splice(4, 1))).toEqual(['lost'])
    expect(found(({ streams }) => streams[1]!.splice(4, 0, streams[1]![4]!))).toEqual(['doubled'])
    expect(found(({ streams }) => streams[0]!.splice(4, 2, streams[0]![5]!, streams[0]![4]!))).toEqual(['reordered'])
  })

  it('finds a call that ran twice', () => {
    expect(found(({ lines }) => lines.push(...lines))).toEqual(['rerun'])
  })

  it('finds a call without a result, and one with two', () => {
    expect(found(({ listed }) => listed.splice(5, 1))).toContain('unmarked')
    expect(found(({ listed }) => listed.push({ ...listed[5]!, id: 'sevt_t2' }))).toContain('doubled')
  })

  it('takes an answer of the client that came when an interrupt had just closed the call, but not two', () => {
    const answer = { type: 'user.custom_tool_result', custom_tool_use_id: 'sevt_u', content: [], processed_at: 'now' }
    const withAnswers = (count: number) =>
      found((evidence) => {
        for (let index = 0; index < count; index++) evidence.listed.push({ ...answer, id: `sevt_late${index}` })
        evidence.streams = []
      })
    expect(withAnswers(1)).toEqual([])
    expect(withAnswers(2)).toEqual(['doubled'])
  })

  it('finds a result that is not true', () => {
    expect(foundOfResult(({ lines }) => lines.pop())).toEqual(['unmarked'])
    expect(foundOfResult((evidence) => setResult(evidence, 'This call was not run: no room'))).toEqual(['unmarked'])
    expect(foundOfResult((evidence) => setResult(evidence, 'oops'))).toEqual(['unmarked'])
  })

  it('takes a result that says that the outcome is unknown, or that it was interrupted', () => {
    const unknown = 'It is unknown whether this call ran to its end'
    expect(foundOfResult((evidence) => setResult(evidence, unknown))).toEqual([])
    const interrupted = 'Execution was interrupted by the user before'
    expect(foundOfResult((evidence) => setResult(evidence, interrupted))).toEqual([])
  })

  it('takes a result that shows that the lines found no room on a full disk', () => {
    const full = '/bin/bash: line 6: echo: write error: No space left on device'
    const without = (lines: number, text: string) =>
      foundOfResult((evidence) => {
        evidence.lines.splice(0, lines)
        setResult(evidence, text, false)
      })
    expect(without(1, `${full}\ndid s1.1.1`)).toEqual([])
    expect(without(2, `${full}\n${full}\ndid s1.1.1`)).toEqual([])
    expect(without(2, `${full}\ndid s1.1.1`)).toEqual(['unmarked'])
    expect(without(0, `${full}\ndid s1.1.1`)).toEqual(['unmarked'])
    expect(without(1, full)).toEqual(['unmarked'])
  })

  it('finds a finished step that was asked for again, but no repetition of a failed one', () => {
    const again = { session: 's1', print: 'b', status: 200 }
    expect(found(({ requests }) => requests.push({ ...again, at: ms(8) }))).toEqual(['rebilled'])
    expect(found(({ requests }) => requests.push({ ...again, at: ms(5.1) }))).toEqual([])
  })

  it('finds a request that the model refused', () => {
    const refused = {
      session: 's1',
      at: ms(7),
      print: 'c',
      status: 400,
      refusal: 'messages.1: tool_use without result',
    }
    expect(found(({ requests }) => requests.push(refused))).toEqual(['invalid'])
  })

  it('says only that a session is stuck, when it is', () => {
    const stuck = (evidence: Evidence) => {
      evidence.complaints.push({ kind: 'stuck', text: '' })
      evidence.listed.pop()
    }
    expect(found(stuck)).toEqual(['stuck'])
  })
})

import { describe, expect, it } from 'vitest'
import { HandedPrompts } from '../../activities/handed-prompts.ts'
import type { RunView } from '../../log/run-view.ts'
import { viewOf } from '../../log/run-view.ts'
import type { HandedFact, Handout } from '../../protocol/contract.ts'
import { message, start } from '../log/samples.ts'

const workflow = { workflowId: 'sesn_1', runId: 'run-a' }
const begun = (run = 0): HandedFact => ({ kind: 'started', input: start({ run }) })
const said = (text: string): HandedFact[] => [
  { kind: 'delivered', events: [message(text)] },
  { kind: 'announced', announcement: { processed: [text], events: [] } },
]
const handout = (sequence: number, facts: HandedFact[], rest: Partial<Handout> = {}): Handout => ({
  run: 0,
  sequence,
  facts,
  request: { activityId: `step${sequence}`, decidedAt: 10 * sequence },
  ...rest,
})
const place = (sequence: number, rest: object = {}) => ({
  run: 0,
  runId: 'run-a',
  transcriptFrom: 0,
  activityId: `step${sequence}`,
  decidedAt: 10 * sequence,
  scheduledAt: Date.now(),
  ...rest,
})
const nothing = async function* (): AsyncGenerator<RunView> {}
const texts = async (prompts: HandedPrompts, at: ReturnType<typeof place>, sealed = nothing) =>
  (await prompts.transcript('sesn_1', at, sealed))
    ?.messages()
    .flatMap(({ content }) => content.map((block) => block.text))

describe('prompts of what a workflow hands out', () => {
  it('have all that was handed out', async () => {
    const prompts = new HandedPrompts(10)
    prompts.take(workflow, handout(0, [begun(), ...said('one')]))
    expect(await texts(prompts, place(0))).toEqual(['one'])
    prompts.take(workflow, handout(1, said('two')))
    expect(await texts(prompts, place(1))).toEqual(['one', 'two'])
  })

  it('begin anew when the workflow is replayed', async () => {
    const prompts = new HandedPrompts(10)
    prompts.take(workflow, handout(0, [begun(), ...said('one')]))
    prompts.take(workflow, handout(0, [begun(), ...said('one')]))
    prompts.take(workflow, handout(1, said('two')))
    expect(await texts(prompts, place(1))).toEqual(['one', 'two'])
  })

  it('are not there for a request that something else was handed out for', async () => {
    const prompts = new HandedPrompts(10)
    prompts.take(workflow, handout(0, [begun(), ...said('one')]))
    expect(await texts(prompts, place(0, { activityId: 'other' }))).toBeUndefined()
    expect(await texts(prompts, place(0, { runId: 'run-b' }))).toBeUndefined()
    // The same id, decided by a task that had seen more.
    expect(await texts(prompts, place(0, { decidedAt: 4 }))).toBeUndefined()
    // Of a version that hands out nothing.
    expect(await texts(prompts, place(0, { decidedAt: undefined }))).toBeUndefined()
  })

  it('are not there when a handout is missing', async () => {
    const prompts = new HandedPrompts(10)
    prompts.take(workflow, handout(0, [begun(), ...said('one')]))
    prompts.take(workflow, handout(2, said('three')))
    expect(await texts(prompts, place(2))).toBeUndefined()
    prompts.take(workflow, handout(3, said('four')))
    expect(await texts(prompts, place(3))).toBeUndefined()
  })

  it('are kept for as many sessions as there is room for', async () => {
    const prompts = new HandedPrompts(1)
    prompts.take(workflow, handout(0, [begun(), ...said('one')]))
    prompts.take({ ...workflow, workflowId: 'sesn_2' }, handout(0, [begun(), ...said('two')]))
    expect(await texts(prompts, place(0))).toBeUndefined()
    prompts.take(workflow, handout(1, said('three')))
    expect(await texts(prompts, place(1))).toBeUndefined()
  })
})

describe('a run that goes on from another', () => {
  const next = { workflowId: 'sesn_1', runId: 'run-b' }
  const inNext = handout(0, [begun(1), ...said('two')], { run: 1 })
  const at = place(0, { run: 1, runId: 'run-b' })

  it('has what that one was handed out to its end', async () => {
    const prompts = new HandedPrompts(10)
    prompts.take(workflow, handout(0, [begun(), ...said('one')]))
    prompts.take(workflow, { run: 0, sequence: 1, facts: said('last') })
    prompts.take(next, inNext)
    expect(await texts(prompts, at)).toEqual(['one', 'last', 'two'])
  })

  it('is read from its segments when the other was elsewhere, or not handed out to its end', async () => {
    const sealed = async function* () {
      const facts = [begun(), ...said('sealed')].map((fact, id) => ({ id, at: '', ...fact }))
      yield viewOf(0, facts)
    }
    const prompts = new HandedPrompts(10)
    prompts.take(workflow, handout(0, [begun(), ...said('one')]))
    prompts.take(next, inNext)
    expect(await texts(prompts, at, sealed)).toEqual(['sealed', 'two'])
  })
})

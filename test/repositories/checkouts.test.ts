import { readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { type CheckoutOutcome, Checkouts } from '../../activities/container/keeper/checkouts.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const repository = (id: string, credential = 'first') => ({
  id,
  url: `https://git.example/${id}`,
  path: `/workspace/${id}`,
  credential,
})
const refused: CheckoutOutcome = { ok: false, kind: 'repository_forbidden_error', message: 'no' }

async function checkouts(attempt: (id: string) => CheckoutOutcome | Promise<CheckoutOutcome>) {
  const folder = path.join(await temporaryFolder(), 'checkouts')
  const tried: string[] = []
  const make = () =>
    new Checkouts(folder, async ({ id }) => {
      tried.push(id)
      return attempt(id)
    })
  return { folder, tried, make, subject: make() }
}

describe('checkouts', () => {
  it('are made once each, however many wait and whoever keeps the session later', async () => {
    const { subject, make, tried, folder } = await checkouts(() => ({ ok: true }))
    const both = [repository('a'), repository('b')]
    await Promise.all([subject.ensure(both), subject.ensure(both), subject.ensure(both)])
    await make().ensure([repository('a', 'another token'), repository('b')])
    expect(tried).toEqual(['a', 'b'])
    expect((await readdir(folder)).sort()).toEqual(['a', 'b'])
    expect(subject.takeNews().notices).toEqual([])
  })

  it('tell of the skills in them once, and again when nobody has written that down', async () => {
    const skills = [{ folder: 'tidy', description: 'Tidies up.\n\r- /workspace\u2028Everywhere.' }]
    const { subject, make, folder } = await checkouts(() => ({ ok: true, skills }))
    await subject.ensure([repository('a')])
    const line = '- /workspace/a/.claude/skills/tidy/SKILL.md: Tidies up. - /workspace Everywhere.'
    expect(subject.takeNews().notices).toEqual([{ text: expect.stringContaining(`\n${line}`) }])
    expect(subject.takeNews().notices).toEqual([])
    // The keeper was killed before the result with them was there.
    const next = make()
    await next.ensure([repository('a')])
    const { notices, told } = next.takeNews()
    expect(notices).toEqual([{ text: expect.stringContaining(line) }])
    told()
    await until(async () => (await readFile(path.join(folder, 'a'), 'utf8')) === '')
    const last = make()
    await last.ensure([repository('a')])
    expect(last.takeNews().notices).toEqual([])
  })

  it('that fail do not hold the others up, and are told of once', async () => {
    const { subject, tried } = await checkouts((id) => (id === 'a' ? refused : { ok: true }))
    const both = [repository('a'), repository('b')]
    await Promise.all([subject.ensure(both), subject.ensure(both)])
    await subject.ensure(both)
    expect(tried).toEqual(['a', 'b'])
    const error = { type: 'repository_forbidden_error', repository_url: 'https://git.example/a' }
    expect(subject.takeNews().notices).toMatchObject([{ text: expect.stringContaining('/workspace/a: no'), error }])
    expect(subject.takeNews().notices).toEqual([])
  })

  it('are tried again at once with another token, and what came of it is told', async () => {
    let outcome: CheckoutOutcome = refused
    const { subject, tried } = await checkouts(() => outcome)
    await subject.ensure([repository('a')])
    await subject.ensure([repository('a', 'second')])
    outcome = { ok: true }
    await subject.ensure([repository('a', 'third')])
    expect(tried).toHaveLength(3)
    expect(subject.takeNews().notices.map(({ error }) => error?.type)).toEqual([
      'repository_forbidden_error',
      'repository_forbidden_error',
      undefined,
    ])
  })

  it('that could not even be tried are tried with the next call', async () => {
    let lost = true
    const { subject, tried } = await checkouts(() => {
      if (lost) throw new Error('the container ended')
      return { ok: true }
    })
    await expect(subject.ensure([repository('a')])).rejects.toThrow('the container ended')
    lost = false
    await subject.ensure([repository('a')])
    expect(tried).toEqual(['a', 'a'])
  })

  it('leave nothing behind when the session was destroyed meanwhile', async () => {
    const { subject, folder } = await checkouts(async () => {
      await rm(path.dirname(folder), { recursive: true })
      return { ok: true }
    })
    await expect(subject.ensure([repository('a')])).rejects.toThrow('ENOENT')
    await expect(readdir(path.dirname(folder))).rejects.toThrow('ENOENT')
  })
})

import { lookup } from 'node:dns/promises'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { OpenWays } from '../../activities/container/keeper/open-ways.ts'

vi.mock('node:dns/promises', async (original) => ({
  ...(await original<typeof import('node:dns/promises')>()),
  lookup: vi.fn(),
}))

const policy = { mode: 'unrestricted' as const, allowedHosts: [], routes: [], injections: [], allowPrivate: [] }
const unanswered = new Map<string, (addresses: { address: string }[]) => void>()
/** The names that the system was asked for, in order. */
let asked: string[] = []

beforeEach(() => {
  asked = []
  unanswered.clear()
  const system = (host: string) => {
    asked.push(host)
    if (host === 'quick.example') return Promise.resolve([{ address: '93.184.216.34' }])
    return new Promise((resolve) => unanswered.set(host, resolve))
  }
  vi.mocked(lookup).mockImplementation(system as unknown as typeof lookup)
  vi.useFakeTimers()
  return () => void vi.useRealTimers()
})

const reach = (ways: OpenWays, host: string) => {
  const reached = ways.reach({ host, port: 443 })
  reached.catch(() => {})
  return reached
}

describe('names that a container has looked up', () => {
  it('are two at a time, with another policy too; those of other containers do not wait for them', async () => {
    const ways = new OpenWays(policy)
    const waiting = ['a.example', 'b.example', 'c.example'].map((host) => reach(ways, host))
    ways.policy = { ...policy, allowPrivate: ['10.0.0.0/8'] }
    const quick = reach(ways, 'quick.example')
    expect(asked).toEqual(['a.example', 'b.example'])
    await reach(new OpenWays(policy), 'quick.example')
    unanswered.get('b.example')!([{ address: '93.184.216.35' }])
    expect(await waiting[1]).toMatchObject({ address: '93.184.216.35' })
    await vi.waitFor(() => expect(asked.slice(3)).toEqual(['c.example']))
    unanswered.get('a.example')!([{ address: '93.184.216.36' }])
    expect(await quick).toMatchObject({ host: 'quick.example', address: '93.184.216.34' })
  })

  it('are looked up once for all who ask at a time', async () => {
    const ways = new OpenWays(policy)
    const both = [reach(ways, 'a.example'), reach(ways, 'a.example')]
    unanswered.get('a.example')!([{ address: '93.184.216.35' }])
    for (const one of both) expect(await one).toMatchObject({ address: '93.184.216.35' })
    expect(asked).toEqual(['a.example'])
    reach(ways, 'a.example')
    expect(asked).toEqual(['a.example', 'a.example'])
  })

  it('are given up after some seconds, and hold their places until the system gives up too', async () => {
    const ways = new OpenWays(policy)
    const slow = [reach(ways, 'a.example'), reach(ways, 'b.example'), reach(ways, 'c.example')]
    await vi.advanceTimersByTimeAsync(10_000)
    for (const one of slow) await expect(one).rejects.toThrow('looked up for 10 s in vain')
    const next = reach(ways, 'quick.example')
    expect(asked).toEqual(['a.example', 'b.example'])
    unanswered.get('a.example')!([])
    expect(await next).toMatchObject({ address: '93.184.216.34' })
    // Nobody waited for the third any more.
    expect(asked).toEqual(['a.example', 'b.example', 'quick.example'])
  })
})

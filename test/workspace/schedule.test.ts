import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Schedule } from '../../activities/workspace/schedule.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A schedule and the seconds at which it worked. */
function scheduled(work: (time: number) => boolean | Promise<boolean> = () => false) {
  const start = Date.now()
  const times: number[] = []
  const schedule = new Schedule({ quietMs: 2000, longestMs: 30_000 }, async () => {
    const time = (Date.now() - start) / 1000
    times.push(time)
    return work(time)
  })
  const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000)
  return { schedule, times, pass }
}

describe('files are saved', () => {
  it('when it has been quiet for a while', async () => {
    const { schedule, times, pass } = scheduled()
    schedule.touch('a')
    await pass(1)
    schedule.touch('a')
    await pass(1.5)
    expect(times).toEqual([])
    await pass(60)
    expect(times).toEqual([3])
  })

  it('at last, when it is never quiet', async () => {
    const { schedule, times, pass } = scheduled()
    for (let second = 0; second < 70; second++) {
      schedule.touch('a')
      await pass(1)
    }
    expect(times).toEqual([30, 60])
  })

  it('again, ever more rarely, until nothing has changed', async () => {
    const { schedule, times, pass } = scheduled((time) => time < 200)
    schedule.touch('a')
    await pass(3600)
    expect(times).toEqual([2, 32, 92, 212])
  })

  it('more rarely when that takes long', async () => {
    const { schedule, times, pass } = scheduled(() => new Promise((resolve) => setTimeout(resolve, 10_000, false)))
    schedule.touch('a')
    await pass(13)
    schedule.touch('a')
    await pass(600)
    // Ten seconds of work are a twentieth of the two hundred until the next.
    expect(times).toEqual([2, 212])
  })

  it('of one session at a time', async () => {
    let running = 0
    const { schedule, times, pass } = scheduled(async () => {
      expect(running++).toBe(0)
      await new Promise((resolve) => setTimeout(resolve, 1000))
      running--
      return false
    })
    for (const id of ['a', 'b', 'c']) schedule.touch(id)
    await pass(60)
    expect(times).toEqual([2, 3, 4])
  })

  it('another time when it fails, and the reason is said once', async () => {
    const said = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { schedule, times, pass } = scheduled((time) => {
      if (time < 50) throw new Error('no room')
      return false
    })
    schedule.touch('a')
    await pass(600)
    expect(times).toEqual([2, 32, 92])
    expect(said.mock.calls).toEqual([['the files of a could not be saved: Error: no room']])
    said.mockRestore()
  })

  it('no more when the session is gone or the process ends', async () => {
    const { schedule, times, pass } = scheduled()
    schedule.touch('a')
    schedule.forget('a')
    schedule.touch('b')
    await schedule.close()
    schedule.touch('c')
    await pass(60)
    expect(times).toEqual([])
  })
})

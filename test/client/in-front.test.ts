import type { Connection } from '@temporalio/client'
import { expect, it } from 'vitest'
import { inFront } from '../../client/in-front.ts'

/** A connection that notes in which rank each write was sent. */
function noting() {
  const ranks: (string | undefined)[] = []
  let rank: string | undefined
  const connection = {
    async withMetadata<T>(metadata: Record<string, string>, send: () => Promise<T>): Promise<T> {
      rank = metadata['caller-type']
      const sent = send()
      rank = undefined
      return sent
    },
  } as unknown as Connection
  const write = (until: Promise<unknown>) =>
    inFront(connection, () => {
      ranks.push(rank)
      return until
    })
  return { ranks, write }
}

it('sends one write at a time in front, the others in the rank of the connection', async () => {
  const { ranks, write } = noting()
  const first = Promise.withResolvers<void>()
  const writes = [write(first.promise), write(Promise.resolve()), write(Promise.resolve())]
  expect(ranks).toEqual(['api', undefined, undefined])
  first.resolve()
  await Promise.all(writes)
  await write(Promise.resolve())
  expect(ranks).toEqual(['api', undefined, undefined, 'api'])
})

it('gives the place in front back when a write fails', async () => {
  const { ranks, write } = noting()
  await expect(write(Promise.reject(new Error('refused')))).rejects.toThrow('refused')
  await write(Promise.resolve())
  expect(ranks).toEqual(['api', 'api'])
})

it('keeps the places of two connections apart', async () => {
  const [one, other] = [noting(), noting()]
  const pending = Promise.withResolvers<void>()
  const writes = [one.write(pending.promise), other.write(pending.promise)]
  expect([...one.ranks, ...other.ranks]).toEqual(['api', 'api'])
  pending.resolve()
  await Promise.all(writes)
})

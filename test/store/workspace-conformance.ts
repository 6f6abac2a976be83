import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { OutputRecord } from '../../store/output-records.ts'
import type { Records } from '../../store/records.ts'
import type { Snapshot } from '../../store/snapshot-records.ts'
import { aConfiguration, aFile, aSession, second } from './samples.ts'

const anOutput = (path: string, fields: Partial<OutputRecord> = {}): OutputRecord => ({
  ...{ path, signature: 'a', sha256: 'x', size: 1, fileId: null },
  ...fields,
})

const aSnapshot = (sequence: number, host = 'h'): Snapshot => ({ sequence, host, parts: [], checkouts: [] })

/**
 * What every implementation of the records of sessions' folders does.
 * @param open gives empty records, closed when the test is over
 */
export function workspaceConformance(implementation: string, open: () => Promise<Records>): void {
  async function withSession() {
    const records = await open()
    const { id } = aSession()
    await records.sessions.insert(aSession({ id }), aConfiguration)
    return { ...records, id }
  }

  describe(`outputs in ${implementation}`, () => {
    it('are replaced with the files that show them, by one of several who saw the same', async () => {
      const { outputs, files, id } = await withSession()
      const scope = { type: 'session', id } as const
      const put = (before: OutputRecord | undefined, signature: string) => {
        const file = aFile({ scope })
        const output = anOutput('a/b.txt', { signature, fileId: file.metadata.id, size: 5_000_000_000 })
        return outputs.put(id, output, { before, file }).then((result) => ({ result, output, file }))
      }
      const first = await put(undefined, 's1')
      expect(first.result).toEqual({})
      expect(await outputs.of(id)).toEqual([first.output])
      const [one, two] = await Promise.all([put(first.output, 's2'), put(first.output, 's3')])
      const [winner, loser] = one.result ? [one, two] : [two, one]
      expect(winner.result).toEqual({ removed: first.file })
      expect(loser.result).toBe(false)
      expect(await outputs.of(id)).toEqual([winner.output])
      expect((await files.list({ limit: 5, scope: id })).rows).toEqual([winner.file])
      expect(await outputs.remove(id, first.output)).toBe(false)
      expect(await outputs.remove(id, winner.output)).toEqual({ removed: winner.file })
      expect(await outputs.of(id)).toEqual([])
    })

    it('have paths as long as a file system has, in the order of bytes', async () => {
      const { outputs, id } = await withSession()
      const long = randomBytes(3000).toString('base64url')
      for (const path of ['b', 'B', long, `${long}2`]) await outputs.put(id, anOutput(path), { before: undefined })
      const changed = anOutput(long, { signature: 'b' })
      expect(await outputs.put(id, changed, { before: anOutput(long) })).toEqual({})
      const known = await outputs.of(id)
      expect(known.map(({ path }) => path)).toEqual(['B', 'b', long, `${long}2`].toSorted((a, b) => (a < b ? -1 : 1)))
      expect(known.find(({ path }) => path === long)).toEqual(changed)
    })

    it('and snapshots of a session that is being deleted are not taken any more', async () => {
      const { sessions, outputs, snapshots, files, id } = await withSession()
      await sessions.update(id, { deletedAt: second(1) })
      const file = aFile({ scope: { type: 'session', id } })
      expect(await outputs.put(id, anOutput('a'), { before: undefined, file })).toBe(false)
      expect(await snapshots.put(id, aSnapshot(1), undefined)).toBe(false)
      expect(await files.get(file.metadata.id)).toBeUndefined()
    })
  })

  describe(`snapshots in ${implementation}`, () => {
    it('are taken by one of several who saw the same', async () => {
      const { snapshots, id } = await withSession()
      const put = (sequence: number, before: number | undefined) =>
        Promise.all(['a', 'b', 'c'].map((host) => snapshots.put(id, aSnapshot(sequence, host), before)))
      for (const [sequence, before] of [
        [1, undefined],
        [2, 1],
      ] as const) {
        const taken = await put(sequence, before)
        expect(taken.filter(Boolean)).toHaveLength(1)
        expect(await snapshots.of(id)).toEqual(aSnapshot(sequence, ['a', 'b', 'c'][taken.indexOf(true)]))
      }
      expect(await snapshots.put(id, aSnapshot(2), 1)).toBe(false)
      expect(await snapshots.put(id, aSnapshot(3), undefined)).toBe(false)
      await snapshots.delete(id)
      expect(await snapshots.of(id)).toBeUndefined()
    })
  })
}

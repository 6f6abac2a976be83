import { describe, expect, it } from 'vitest'
import { createVault } from '../../protocol/vaults.ts'
import type { Records } from '../../store/records.ts'
import { aCredential, second } from './samples.ts'

/**
 * What every implementation of the vaults' records does.
 * @param open gives empty records, closed when the test is over
 */
export function vaultConformance(implementation: string, open: () => Promise<Records>): void {
  async function withVault() {
    const records = await open()
    const vault = createVault({ display_name: 'v' }, second(0))
    await records.vaults.insert(vault)
    const add = (key: string, most = 20, credential = aCredential(vault.id)) =>
      records.credentials.insert({ credential, sealed: 'sealed' }, key, most)
    return { ...records, vault, add }
  }

  describe(`vaults in ${implementation}`, () => {
    it('are changed from the newest state only, and archived with what is in them', async () => {
      const { vaults, credentials, vault, add } = await withVault()
      const credential = aCredential(vault.id)
      await add('a', 20, credential)
      const renamed = { ...vault, display_name: 'other' }
      expect(await vaults.update(renamed, vault)).toBe(true)
      expect(await vaults.update({ ...vault, display_name: 'late' }, vault)).toBe(false)
      const archived = { ...renamed, archived_at: second(3), updated_at: second(3) }
      expect(await vaults.archive(vault.id, second(3))).toEqual(archived)
      expect(await vaults.archive(vault.id, second(4))).toEqual(archived)
      expect(await credentials.get(credential.id)).toEqual({
        credential: { ...credential, archived_at: second(3), updated_at: second(3) },
        sealed: null,
      })
      expect(await add('b')).toBe('vault')
      expect(await vaults.delete(vault.id)).toBe(true)
      expect(await credentials.get(credential.id)).toBeUndefined()
    })

    it('are archived and changed at once without losing either', async () => {
      const { vaults, credentials, vault, add } = await withVault()
      const all = Array.from({ length: 5 }, () => aCredential(vault.id))
      for (const credential of all) await add(credential.id, 20, credential)
      await Promise.all([
        ...all.map(({ id }) =>
          credentials.update(id, (stored) =>
            stored.sealed === null ? stored : { ...stored, credential: { ...stored.credential, display_name: 'new' } },
          ),
        ),
        vaults.archive(vault.id, second(3)),
        ...all.map(() => add(`late ${Math.random()}`)),
      ])
      const { rows } = await credentials.list(vault.id, { limit: 50, includeArchived: true })
      expect(rows.map(({ archived_at }) => archived_at)).toEqual(rows.map(() => second(3)))
      expect(await credentials.active([vault.id])).toEqual([])
      for (const { id } of rows) expect((await credentials.get(id))?.sealed).toBeNull()
    })
  })

  describe(`credentials in ${implementation}`, () => {
    it('are one for a key, however many try, and no more than a vault may have', async () => {
      const { add, credentials, vault } = await withVault()
      const same = await Promise.all([1, 2, 3, 4].map(() => add('same')))
      expect(same.toSorted()).toEqual(['duplicate', 'duplicate', 'duplicate', 'stored'])
      const more = await Promise.all([1, 2, 3, 4].map((n) => add(`key ${n}`, 3)))
      expect(more.toSorted()).toEqual(['full', 'full', 'stored', 'stored'])
      expect(await credentials.active([vault.id])).toHaveLength(3)
    })

    it('have keys of any length', async () => {
      const { add } = await withVault()
      const long = Array.from({ length: 20_000 }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7919) % 20_000))).join(
        '',
      )
      expect(await add(long)).toBe('stored')
      expect(await add(long)).toBe('duplicate')
      expect(await add(`${long}.`)).toBe('stored')
    })

    it('are leased to one holder at a time, until it ends or is given back', async () => {
      const { add, credentials, vault } = await withVault()
      const { id } = aCredential(vault.id)
      await add('a', 20, { ...aCredential(vault.id), id })
      const taken = await Promise.all(['a', 'b', 'c'].map((holder) => credentials.lease(id, holder, 1000, 2000)))
      expect(taken.filter(Boolean)).toHaveLength(1)
      const holder = ['a', 'b', 'c'][taken.indexOf(true)]!
      expect(await credentials.lease(id, holder, 1500, Date.UTC(2100, 0))).toBe(true)
      expect(await credentials.lease(id, 'd', Date.UTC(2099, 0), Date.UTC(2101, 0))).toBe(false)
      await credentials.release(id, 'd')
      expect(await credentials.lease(id, 'd', 1500, 2000)).toBe(false)
      await credentials.release(id, holder)
      expect(await credentials.lease(id, 'd', 1500, 2000)).toBe(true)
      expect(await credentials.lease(id, 'e', 2000, 3000)).toBe(true)
    })
  })
}

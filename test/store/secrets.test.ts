import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openSecrets, SecretUnreadable, secretBox } from '../../store/secrets.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const box = secretBox(new Uint8Array(32).fill(7))

describe('a sealed secret', () => {
  it('is opened again, whatever it holds, and looks different each time', () => {
    for (const text of ['ghp_x', '', 'ключ 🔑', 'x'.repeat(100_000)]) expect(box.open(box.seal(text))).toBe(text)
    expect(box.seal('same')).not.toBe(box.seal('same'))
    expect(box.seal('readable')).not.toContain('readable')
  })

  it('is not opened with another key, nor when anything of it was changed', () => {
    const sealed = box.seal('secret')
    expect(() => secretBox(new Uint8Array(32)).open(sealed)).toThrow(SecretUnreadable)
    for (let at = 3; at < sealed.length; at++) {
      const other = sealed[at] === 'A' ? 'B' : 'A'
      const changed = sealed.slice(0, at) + other + sealed.slice(at + 1)
      // The last character may hold bits that mean nothing.
      if (Buffer.from(changed.slice(3), 'base64url').equals(Buffer.from(sealed.slice(3), 'base64url'))) continue
      expect(() => box.open(changed)).toThrow(SecretUnreadable)
    }
    for (const broken of ['', 'v1.', 'v2.AAAA', 'secret']) expect(() => box.open(broken)).toThrow(SecretUnreadable)
  })
})

describe('the key file', () => {
  it('is made once, for its owner only, and is the same for all that open it at once', async () => {
    const dataDir = path.join(await temporaryFolder(), 'data')
    const boxes = await Promise.all(Array.from({ length: 8 }, () => openSecrets({ dataDir })))
    const sealed = boxes[0]!.seal('shared')
    for (const other of [...boxes, await openSecrets({ dataDir })]) expect(other.open(sealed)).toBe('shared')
    expect(await readdir(dataDir)).toEqual(['secret.key'])
    expect((await stat(path.join(dataDir, 'secret.key'))).mode & 0o777).toBe(0o600)
    expect(sealed).not.toContain((await readFile(path.join(dataDir, 'secret.key'), 'utf8')).trim())
  })

  it('opens what it has sealed also when a key comes from the environment, which seals from then on', async () => {
    const dataDir = await temporaryFolder()
    const key = new Uint8Array(32)
    const before = await openSecrets({ dataDir })
    const after = await openSecrets({ key, dataDir })
    expect(after.open(before.seal('old'))).toBe('old')
    expect(secretBox(key).open(after.seal('new'))).toBe('new')
    expect(() => after.open(secretBox(new Uint8Array(32).fill(1)).seal('foreign'))).toThrow(SecretUnreadable)
  })

  it('is not needed with a key from the environment, and not replaced when it is damaged', async () => {
    const dataDir = await temporaryFolder()
    await openSecrets({ key: new Uint8Array(32), dataDir })
    expect(await readdir(dataDir)).toEqual([])
    await writeFile(path.join(dataDir, 'secret.key'), 'damaged')
    await expect(openSecrets({ dataDir })).rejects.toThrow('secret.key is no key')
    expect(await readFile(path.join(dataDir, 'secret.key'), 'utf8')).toBe('damaged')
  })
})

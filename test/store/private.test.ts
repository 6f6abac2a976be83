import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openBlobs } from '../../store/open-blobs.ts'
import { openRecords } from '../../store/open-records.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { aFile } from './samples.ts'

const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8)

describe('what is kept', () => {
  it('in records can be read by nobody else, also when they were open to others', async () => {
    const file = path.join(await temporaryFolder(), 'records.db')
    await writeFile(file, '')
    await chmod(file, 0o644)
    const records = await openRecords({ url: file })
    onTestFinished(() => records.close())
    await records.files.insert(aFile())
    for (const name of [file, `${file}-wal`, `${file}-shm`]) expect(await modeOf(name)).toBe('600')
  })

  it('in blobs can be read by nobody else, also when they were open to others', async () => {
    const directory = path.join(await temporaryFolder(), 'blobs')
    await mkdir(directory, { mode: 0o755 })
    const blobs = await openBlobs({ directory })
    await blobs.put('files/a', Buffer.from('secret'))
    expect(await modeOf(directory)).toBe('700')
    expect(await modeOf(path.join(directory, 'files'))).toBe('700')
    expect(await modeOf(path.join(directory, 'files', 'a'))).toBe('600')
  })
})

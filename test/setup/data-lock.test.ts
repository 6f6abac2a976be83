import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DataLocked, lockData } from '../../worker/data-lock.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Another process that has the lock when this resolves. */
async function otherHolder(folder: string) {
  const child = spawn(process.execPath, [fileURLToPath(new URL('lock-holder.ts', import.meta.url)), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  return child
}

describe('the lock of a data folder', () => {
  it('is refused to a second process, with the id of the first', async () => {
    const folder = await temporaryFolder()
    const holder = await otherHolder(folder)
    const error: DataLocked = await lockData(folder).then(
      () => expect.unreachable(),
      (thrown) => thrown,
    )
    expect(error).toBeInstanceOf(DataLocked)
    expect(error.pid).toBe(holder.pid)
    expect(error.message).toContain(`process ${holder.pid}`)
  })

  it('is free again when its process was killed', async () => {
    const folder = await temporaryFolder()
    const holder = await otherHolder(folder)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    const lock = await lockData(folder)
    lock.release()
  })

  it('is free again when it was released', async () => {
    const folder = await temporaryFolder()
    const first = await lockData(folder)
    await expect(lockData(folder)).rejects.toThrow(DataLocked)
    first.release()
    const second = await lockData(folder)
    second.release()
  })
})

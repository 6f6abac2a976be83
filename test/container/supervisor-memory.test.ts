import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'

const main = fileURLToPath(new URL('../../activities/container/supervisor/main.ts', import.meta.url))

it('the supervisor holds however many images are read at once, with the memory that it has in a container', async () => {
  const file = path.join(await temporaryFolder(), 'large.png')
  await writeFile(file, Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(5_000_000, 7)]))
  const supervisor = spawn(process.execPath, ['--max-old-space-size=96', main], { stdio: ['pipe', 'pipe', 'ignore'] })
  onTestFinished(() => void supervisor.kill('SIGKILL'))
  supervisor.stdin.on('error', () => {})
  const exit = once(supervisor, 'exit')
  const ids = Array.from({ length: 20 }, (_, index) => `read_${index}`)
  for (const id of ids) {
    const call = { op: 'call', id, name: 'read', input: { file_path: file }, timeoutMs: 60_000 }
    supervisor.stdin.write(`${JSON.stringify(call)}\n`)
  }
  const answered: string[] = []
  for await (const line of createInterface(supervisor.stdout)) {
    const { event, id, result } = JSON.parse(line)
    if (event !== 'result') continue
    expect(result.content[0].source.data.length).toBeGreaterThan(6_600_000)
    answered.push(id)
    if (answered.length === ids.length) supervisor.stdin.end()
  }
  expect(answered.toSorted()).toEqual(ids.toSorted())
  // Told that the host went away.
  expect((await exit)[0]).toBe(3)
})

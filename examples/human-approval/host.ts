import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const holdfast = fileURLToPath(new URL('../../bin/holdfast', import.meta.url))

/** `holdfast dev` on a folder of its own, as you would run it in a terminal: it can be stopped and started again. */
export async function openProject(env: NodeJS.ProcessEnv) {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-example-'))
  await chmod(folder, 0o711)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    /** Starts it; the returned function stops it. */
    async start(): Promise<() => Promise<void>> {
      const child = spawn(process.execPath, [holdfast, 'dev', '--port', String(port)], {
        cwd: folder,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const ended = once(child, 'exit')
      while (
        !(await fetch(`${url}/health`).then(
          ({ ok }) => ok,
          () => false,
        ))
      ) {
        if (child.exitCode !== null) throw new Error(`holdfast dev ended with ${child.exitCode}`)
        await wait(100)
      }
      return async () => {
        child.kill('SIGTERM')
        await ended
      }
    },
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }),
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

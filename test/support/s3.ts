import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { S3 } from '@aws-sdk/client-s3'
import type { S3Place } from '../../store/s3/bucket.ts'
import { python, pythonFolder } from './python.ts'

/** As an operator would have them in the environment. */
export const s3Variables = {
  AWS_ACCESS_KEY_ID: 'AKIATESTSONLY0000000',
  AWS_SECRET_ACCESS_KEY: 'a-secret-of-the-tests-that-nobody-may-see',
}

/** A server that speaks S3, with the line to it. */
export interface S3Server extends AsyncDisposable {
  /** A client for looking at what is there, on a line of its own. */
  client: S3
  line: Line
  /** A new bucket, over the line. */
  bucket(): Promise<S3Place>
}

/** The way to the server, which may be bad. */
export interface Line {
  /** Ends all connections and takes none until `mend`. */
  cut(): void
  mend(): Promise<void>
  /** All is well again. */
  pass(): void
  /** Called with what goes to the server; what it gives is the answer, and the server is not asked. */
  asks: (chunk: Buffer) => Buffer | undefined
  /** Called with what comes from the server; the chunk is what is passed on, and without one the connection ends. */
  answers: (chunk: Buffer) => Buffer | undefined
}

/** Time for a test's hook that starts one, milliseconds: the first time it is installed. */
export const madeReadyMs = 5 * 60_000

/** Starts one. The variables of its credentials are set in this process, too. */
export async function startS3(): Promise<S3Server> {
  Object.assign(process.env, s3Variables)
  const program = path.join(pythonFolder, 's3_server.py')
  const child = spawn(await python('s3-requirements.txt'), [program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [port] = await once(createInterface(child.stdout), 'line')
  const line = await startLine(Number(port))
  const client = new S3({ region: 'us-east-1', endpoint: `http://127.0.0.1:${port}`, forcePathStyle: true })
  return {
    client,
    line,
    async bucket() {
      const bucket = `tests-${randomUUID()}`
      await client.createBucket({ Bucket: bucket })
      return { bucket, endpoint: `http://127.0.0.1:${line.port}` }
    },
    async [Symbol.asyncDispose]() {
      client.destroy()
      line.close()
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
    },
  }
}

async function startLine(target: number): Promise<Line & { port: number; close(): void }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((near) => {
    const far = net.connect(target, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    near.on('data', (chunk) => {
      const answer = line.asks(chunk)
      if (answer) near.write(answer)
      else if (!far.write(chunk)) {
        near.pause()
        far.once('drain', () => near.resume())
      }
    })
    near.on('end', () => far.end())
    far.on('data', (chunk) => {
      const passed = line.answers(chunk)
      if (!passed) return void near.destroy()
      if (!near.write(passed)) {
        far.pause()
        near.once('drain', () => far.resume())
      }
    })
    far.on('end', () => near.end())
  })
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const cut = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  const line = {
    port,
    cut,
    mend: () => listen(port),
    pass() {
      line.asks = () => undefined
      line.answers = (chunk) => chunk
    },
    close: cut,
    asks: (_chunk: Buffer): Buffer | undefined => undefined,
    answers: (chunk: Buffer): Buffer | undefined => chunk,
  }
  return line
}

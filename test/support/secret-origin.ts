import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { Authority } from '../../activities/container/keeper/authority.ts'

export interface Received {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: string
}

/** A server over TLS at every address of 127.0.0.0/8, with an authority of its own, which notes what it receives. */
export interface SecretOrigin {
  port: number
  /** What it received, the newest last. */
  received: Received[]
  /** File with the certificate of its authority, for NODE_EXTRA_CA_CERTS. */
  certificateFile: string
  close(): Promise<void>
}

/** Its certificate is for 127.0.0.2. */
export async function startSecretOrigin(
  answer: (request: Received) => string = () => 'received\n',
): Promise<SecretOrigin> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'holdfast-test-'))
  const certificateFile = path.join(folder, 'authority.pem')
  const authority = await Authority.create()
  await writeFile(certificateFile, authority.certificate)
  const received: Received[] = []
  const listener: RequestListener = async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const one = { method: request.method!, path: request.url!, headers: request.headers, body }
    received.push(one)
    response.end(answer(one))
  }
  const server = createServer(await authority.certify('127.0.0.2'), listener)
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    received,
    certificateFile,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(folder, { recursive: true })
    },
  }
}

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request as open, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Moments } from './moments.ts'

/** A request as the model's server got it. */
export interface ModelRequest {
  session: string
  /** Milliseconds since the epoch. */
  at: number
  /** What makes two requests the same one. */
  print: string
  status?: number
  /** When the last byte of the answer was sent. */
  answeredAt?: number
  /** What the server said when it refused. */
  refusal?: string
}

export interface ModelGate {
  url: string
  requests: ModelRequest[]
  /** Breaks what is being answered now. Returns how many replies that were. */
  breakReplies(): number
  close(): Promise<void>
}

/** Stands before the scripted model: notes what is asked, tells of the moments, breaks replies. */
export async function openModelGate(target: string, moments: Moments): Promise<ModelGate> {
  const requests: ModelRequest[] = []
  const replying = new Set<ServerResponse>()

  async function pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const noted = note(body.toString())
    if (noted) {
      requests.push(noted)
      moments.tell('model-requested', noted.session)
    }
    const { host: _, ...headers } = incoming.headers
    const onward = open(new URL(incoming.url ?? '/', target), { method: incoming.method, headers })
    onward.on('error', () => response.destroy())
    response.on('close', () => {
      replying.delete(response)
      onward.destroy()
    })
    onward.end(body)
    const [answer] = (await once(onward, 'response')) as [IncomingMessage]
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    replying.add(response)
    if (noted) noted.status = answer.statusCode
    let pieces = 0
    const said: Buffer[] = []
    answer.on('error', () => response.destroy())
    answer.on('close', () => answer.complete || response.destroy())
    for await (const piece of answer) {
      if (noted?.status === 400) said.push(piece as Buffer)
      response.write(piece)
      if (noted && ++pieces === 3) moments.tell('model-streaming', noted.session)
    }
    if (noted?.status === 400) noted.refusal = Buffer.concat(said).toString()
    response.end(() => {
      if (noted?.status !== 200) return
      noted.answeredAt = Date.now()
      moments.tell('model-answered', noted.session)
    })
  }

  const server = createServer((incoming, response) => {
    response.on('error', () => {})
    pass(incoming, response).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    breakReplies() {
      const broken = [...replying]
      for (const response of broken) response.destroy()
      return broken.length
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** The session is the one that the conversation names first. */
function note(body: string): ModelRequest | undefined {
  const session = /\[(s\d+)\]/.exec(body)?.[1]
  if (!session) return undefined
  return { session, at: Date.now(), print: createHash('sha256').update(body).digest('hex') }
}

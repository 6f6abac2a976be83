import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface TokenRequest {
  authorization: string | undefined
  form: Record<string, string>
}

export interface TokenEndpoint {
  url: string
  requests: TokenRequest[]
  close(): Promise<void>
}

export interface TokenAnswer {
  status?: number
  body: unknown
}

/** An OAuth token endpoint on loopback that answers what the test says and counts who asks. */
export async function startTokenEndpoint(
  answer: (request: TokenRequest, count: number) => TokenAnswer | Promise<TokenAnswer>,
): Promise<TokenEndpoint> {
  const requests: TokenRequest[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()))
    const received = { authorization: request.headers.authorization, form }
    requests.push(received)
    const { status = 200, body } = await answer(received, requests.length)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    requests,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

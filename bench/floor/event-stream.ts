/** A plain server of event streams: GET follows a name, POST with a number sends that many events to its followers. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

const followers = new Map<string, Set<ServerResponse>>()
const event = {
  id: `sevt_${'0'.repeat(22)}`,
  type: 'user.message',
  content: [{ type: 'text', text: '#say done' }],
  processed_at: null,
}

const server = createServer(async (request, response) => {
  const name = request.url!
  if (request.method === 'POST') {
    const count = Number(await text(request))
    for (let index = 0; index < count; index++) {
      const frame = `id: 0.${index}.0\nevent: message\ndata: ${JSON.stringify(event)}\n\n`
      for (const follower of followers.get(name) ?? []) follower.write(frame)
    }
    return void response.end()
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(': here\n\n')
  const all = followers.get(name) ?? new Set()
  followers.set(name, all.add(response))
  response.on('close', () => all.delete(response))
})
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
process.on('disconnect', () => process.exit(0))

/** A plain server that copies what is sent to it into a file, and makes it durable. Its argument is the folder. */
import { createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'

const target = path.join(process.argv[2]!, 'copy')
const server = createServer(async (request, response) => {
  await pipeline(request, createWriteStream(target))
  const file = await open(target)
  await file.sync()
  await file.close()
  response.end()
})
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
process.on('disconnect', () => process.exit(0))

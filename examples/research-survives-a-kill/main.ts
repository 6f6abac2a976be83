/** One session reads many pages; its worker is killed again and again. Every page is fetched once, and nothing is lost. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startTestHost } from 'holdfast/testing'
import { model, modelVariables, task } from '../model.ts'

const pages = Number(process.argv[2] ?? 30)
const kills = Math.min(5, Math.floor(pages / 6))

// The site: pages, each with a number. It counts how often each is read. Not at 127.0.0.1, which inside of a container is
// the container's own.
const address = '127.0.0.2'
const reads = new Map<string, number>()
const site = createServer((request, response) => {
  const page = request.url!.slice(1)
  reads.set(page, (reads.get(page) ?? 0) + 1)
  response.end(`Page ${page} of ${pages}. The number on this page is ${Number(page) ** 2}.\n`)
})
await new Promise<void>((resolve) => site.listen(0, address, resolve))
const url = `http://${address}:${(site.address() as AddressInfo).port}`

const host = await startTestHost({ env: modelVariables, config: { egress: { allowPrivate: [address] } } })
try {
  const { holdfast } = host
  const agent = await holdfast.agents.create({ name: 'Researcher', model, tools: [{ type: 'agent_toolset_20260401' }] })
  const environment = await holdfast.environments.create({
    name: 'research',
    config: { type: 'cloud', networking: { type: 'limited', allowed_hosts: [address] } },
  })
  const { id } = await holdfast.sessions.create({ agent: agent.id, environment_id: environment.id })
  const session = holdfast.session(id)

  const words =
    `Read the pages ${url}/1 to ${url}/${pages} with curl, one call of bash for each, and append each page to ` +
    '/workspace/notes.txt. Then say the sum of the numbers on all pages.'
  const read = (page: number) => `#bash curl -sS ${url}/${page} | tee -a notes.txt`
  const add = `#bash awk '{ sum += $NF } END { print sum }' notes.txt`
  await session.send(
    task(words, [...Array.from({ length: pages }, (_, index) => read(index + 1)), add, '#say The sum is {{last}}.']),
  )

  let calls = 0
  let killed = 0
  for await (const { event } of session.events()) {
    if (event.type === 'agent.tool_use' && killed < kills && ++calls % Math.floor(pages / (kills + 1)) === 0) {
      process.kill(host.workerPids[0]!, 'SIGKILL')
      killed++
      console.log(`  call ${calls} begins: kill -9 of the worker`)
    }
    if (event.type === 'agent.message')
      console.log(event.content.map((block) => ('text' in block ? block.text : '')).join(''))
    if (event.type === 'session.error') console.log(`  ${event.error.message}`)
    if (event.type === 'session.status_idle') break
  }

  const twice = [...reads].filter(([, count]) => count !== 1)
  console.log(
    `${killed} workers were killed; ${reads.size} of ${pages} pages were read, ${twice.length} of them more than once`,
  )
  assert.deepEqual(twice, [])
  assert.equal(reads.size, pages)
} finally {
  await host.remove()
  site.close()
}

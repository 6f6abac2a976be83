/**
 * Sends messages to sessions, one every 200 ms, from a process of its own: one that reads the streams of two hundred others
 * is late by itself. Arguments: the API's URL, the message, then the sessions. Sends while it is told `true`; told `false`,
 * it answers `paused` when nothing of it is under way; told `end`, it answers with its times.
 */
import { setTimeout as wait } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'

const [baseURL, text, ...sessions] = process.argv.slice(2)
const client = new Anthropic({ apiKey: 'none', baseURL: baseURL!, maxRetries: 0 })
const times: number[] = []
let isOn = false
let isOver = false
let isPaused = true
process.on('message', (on: boolean | 'end') => {
  isOn = on === true
  if (isOn) isPaused = false
  isOver = on === 'end'
})

for (let next = 0; !isOver; await wait(200)) {
  if (!isOn) {
    if (!isPaused) process.send!('paused')
    isPaused = true
    continue
  }
  const started = performance.now()
  const content = [{ type: 'text' as const, text: text! }]
  await client.beta.sessions.events.send(sessions[next++ % sessions.length]!, {
    events: [{ type: 'user.message', content }],
  })
  times.push(performance.now() - started)
}
process.send!(times)
process.disconnect()

/**
 * Sends messages to sessions, one every 100 ms, from a process of its own: one that reads the streams of two hundred others
 * is late by itself. Arguments: the API's URL, the message, then the sessions. Says when it is ready: its own first request
 * is not measured. Sends while it is told `true`; told `false`, it answers with the times when nothing of it is under way.
 */
import { setTimeout as wait } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'

const [baseURL, text, ...sessions] = process.argv.slice(2)
const client = new Anthropic({ apiKey: 'none', baseURL: baseURL!, maxRetries: 0 })
const content = [{ type: 'text' as const, text: text! }]
const pauseMs = 100
let isOn = false
let sending: Promise<number[]>
let next = 0

process.on('message', async (on: boolean) => {
  isOn = on
  if (on) sending = sendWhileOn()
  else process.send!(await sending)
})
process.on('disconnect', () => process.exit())
for (const session of sessions) await send(session)
process.send!('ready')

async function sendWhileOn(): Promise<number[]> {
  const times: number[] = []
  for (await wait(pauseMs); isOn; await wait(pauseMs)) {
    const started = performance.now()
    await send(sessions[next++ % sessions.length]!)
    times.push(performance.now() - started)
  }
  return times
}

async function send(session: string): Promise<void> {
  await client.beta.sessions.events.send(session, { events: [{ type: 'user.message', content }] })
}

import type { Bench } from './host.ts'

type Event = { type: string }

export type Session = Awaited<ReturnType<typeof openSession>>

/** A session with an open stream, and the way to have it do one turn. */
export async function openSession(bench: Bench, existing?: string) {
  const { client } = bench
  const id = existing ?? (await bench.newSession())
  const stream = await client.beta.sessions.events.stream(id)
  const events = stream[Symbol.asyncIterator]()
  /** Reads until an event that passes the test; returns the time of it. */
  const until = async (test: (event: Event) => boolean): Promise<number> => {
    for (;;) {
      const { value, done } = await events.next()
      if (done) throw new Error('the stream ended')
      if (test(value)) return performance.now()
    }
  }
  const send = (text: string) =>
    client.beta.sessions.events.send(id, {
      events: [{ type: 'user.message', content: [{ type: 'text', text }] }],
    })
  const isIdle = ({ type }: Event) => type === 'session.status_idle'
  return {
    id,
    until,
    send,
    close: () => stream.controller.abort(),
    /** Milliseconds from the POST to the idle event on the stream. */
    async turn(text: string): Promise<number> {
      const started = performance.now()
      const [ended] = await Promise.all([until(isIdle), send(text)])
      return ended - started
    },
    /** Milliseconds from the POST to the first event that passes. */
    async first(text: string, test: (event: Event) => boolean): Promise<number> {
      const started = performance.now()
      const [seen] = await Promise.all([until(test), send(text)])
      await until(isIdle)
      return seen - started
    },
  }
}

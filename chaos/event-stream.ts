/** An event of a session as a client sees it. */
export interface SeenEvent {
  id: string
  type: string
  processed_at?: string | null
  [field: string]: unknown
}

export interface StreamItem {
  /** The SSE id. */
  cursor: string
  event: SeenEvent
  /** When it arrived here, milliseconds since the epoch. */
  at: number
}

/** Reads server-sent events until the connection ends. */
export async function* readStream(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamItem> {
  let rest = ''
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + text).split('\n\n')
    rest = frames.pop()!
    for (const frame of frames) {
      const field = (name: string) =>
        frame
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2)
      const data = field('data')
      const cursor = field('id')
      if (data && cursor && field('event') === 'message') yield { cursor, event: JSON.parse(data), at: Date.now() }
    }
  }
}

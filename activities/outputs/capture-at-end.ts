import type { SessionOutputs } from './session-outputs.ts'

/**
 * Takes, where a turn may end, what background processes wrote since the last call: it is to be there when the session is
 * idle. Returns what the workflow has to know when the container is on another host, which has to do it then.
 * @param host this host's task queue
 * @param bound that of the host that has the session's container, when it has one
 */
export async function captureAtEnd(
  outputs: Pick<SessionOutputs, 'capture'>,
  { sessionId, host, bound }: { sessionId: string; host: string; bound: string | undefined },
): Promise<{ elsewhere?: true }> {
  if (bound === undefined) return {}
  if (bound !== host) return { elsewhere: true }
  await outputs.capture(sessionId)
  return {}
}

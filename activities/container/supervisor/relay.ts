import type { Socket } from 'node:net'

/**
 * Joins two connections, both of which may be half-open. What one side has said in full is delivered to the other, also
 * when the side is gone by then.
 */
export function relay(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => {})
    from.on('close', () => (from.readableEnded ? to.destroySoon() : to.destroy()))
    from.pipe(to)
  }
}

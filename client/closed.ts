/** Holdfast was closed, perhaps while something waited for a session. The session goes on. */
export class HoldfastClosed extends Error {
  override readonly name = 'HoldfastClosed'
  readonly code = 'closed'

  constructor(sessionId?: string, cause?: unknown) {
    super(sessionId ? `Holdfast was closed while session ${sessionId} was waited for` : 'Holdfast was closed', {
      cause,
    })
  }
}

import { status as Grpc, InterceptingCall, type Interceptor, ListenerBuilder, RequesterBuilder } from '@grpc/grpc-js'

/** How long a server is waited for, milliseconds. */
export interface Patience {
  /** A call's answer. One that is alive gives it in some seconds, however much it has to do. @default 20 s */
  answerMs: number
  /**
   * The next answer of one that has just given none in time: for those who ask again and again, and have to give up some
   * time. @default as long as any other
   */
  silentMs: number
  /** The answer to a long poll, which a server holds back for 20 s when there is nothing new. @default 70 s */
  pollMs: number
}

const longPolls = /\/(GetWorkflowExecutionHistory|(Poll|Update)WorkflowExecution\w*|Poll\w+Queue)$/

/**
 * Gives each call a deadline that has none of its own: without, a server that stands still would be waited for until it
 * goes on. Below what tries calls again it bounds each attempt.
 */
export function deadlines(patience: Partial<Patience> = {}): Interceptor {
  const { answerMs = 20_000, silentMs = answerMs, pollMs = 70_000 } = patience
  let isSilent = false
  return (options, nextCall) => {
    if (options.deadline !== undefined) return new InterceptingCall(nextCall(options))
    const isPoll = longPolls.test(options.method_definition.path)
    const waitMs = isPoll ? pollMs : isSilent ? silentMs : answerMs
    const begun = performance.now()
    const listener = new ListenerBuilder()
      .withOnReceiveStatus((status, next) => {
        // A server may say itself, and before that, that something took too long: it is alive.
        if (status.code === Grpc.DEADLINE_EXCEEDED) isSilent = performance.now() - begun > waitMs * 0.9
        else if (status.code !== Grpc.CANCELLED && status.code !== Grpc.UNAVAILABLE) isSilent = false
        next(status)
      })
      .build()
    const requester = new RequesterBuilder().withStart((metadata, _listener, next) => next(metadata, listener)).build()
    return new InterceptingCall(nextCall({ ...options, deadline: Date.now() + waitMs }), requester)
  }
}

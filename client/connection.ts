import { status as Grpc } from '@grpc/grpc-js'
import {
  Connection,
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  isRetryableError,
  makeGrpcRetryInterceptor,
} from '@temporalio/client'
import { deadlines, type Patience } from './deadlines.ts'

/**
 * A connection with the settings that sessions need. Three of the SDK's own do not fit: responses may be longer than 4 MiB
 * (its setting for that has no effect on this transport), a signal that meets a session in the middle of a roll over is
 * refused for some milliseconds, where the SDK would wait a second, and calls have deadlines. What a server does not
 * answer in time is not tried again: whether it was done is for the caller to find out.
 */
export function connect(options: ConnectionOptions, patience?: Partial<Patience>): Promise<Connection> {
  const interceptors = [makeGrpcRetryInterceptor(retries), deadlines(patience)]
  return Connection.connect({ ...options, ...common(options), interceptors })
}

/**
 * A connection for the readers of histories, who wait and try again by themselves: a call that is tried again below them
 * would outlive its caller.
 */
export function connectForReading(options: ConnectionOptions, patience?: Partial<Patience>): Promise<Connection> {
  return Connection.connect({
    ...options,
    ...common(options),
    interceptors: [deadlines({ silentMs: 1000, ...patience })],
  })
}

const common = ({ channelArgs }: ConnectionOptions) => ({
  channelArgs: {
    'grpc.max_receive_message_length': 128 * 1024 * 1024,
    // By default the waits between two attempts to connect grow to two minutes: readers would be that late behind a server
    // that was away for one.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 1000,
    ...channelArgs,
  },
})

const usual = defaultGrpcRetryOptions()
const isClosing = (status: { code: number; details: string }) =>
  status.code === Grpc.RESOURCE_EXHAUSTED && status.details.includes('closing')

const retries: Parameters<typeof makeGrpcRetryInterceptor>[0] = {
  delayFunction: (attempt, status) =>
    isClosing(status)
      ? Math.min(500, 10 * 1.5 ** attempt) * (0.8 + Math.random() * 0.4)
      : usual.delayFunction(attempt, status),
  retryableDecider: (attempt, status) =>
    isClosing(status) ? attempt < 40 : isRetryableError(status) && usual.retryableDecider(attempt, status),
}

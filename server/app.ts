import multipart from '@fastify/multipart'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { HoldfastApi } from '../client/api.ts'
import { ApiError } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { limits } from '../protocol/limits.ts'
import { authenticator } from './authentication.ts'
import { registerBodies } from './bodies.ts'
import { envelope, toApiError } from './envelope.ts'
import type { EventStreams } from './event-streams.ts'
import { agentRoutes } from './routes/agents.ts'
import { environmentRoutes } from './routes/environments.ts'
import { fileRoutes } from './routes/files.ts'
import { sessionRoutes } from './routes/sessions.ts'

/** Takes one line; it never gets a body or a key. */
export type ServerLog = (line: string) => void

export interface AppOptions {
  api: HoldfastApi
  apiKeys: string[]
  streams: EventStreams
  log: ServerLog
}

export function createApp({ api, apiKeys, streams, log }: AppOptions): FastifyInstance {
  const app = Fastify({
    bodyLimit: limits.requestBytes,
    genReqId: () => newId('request'),
    // Longer than clients keep a connection idle, so that none is closed under a request.
    keepAliveTimeout: 120_000,
    requestTimeout: 0,
    connectionTimeout: 0,
    exposeHeadRoutes: true,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
    forceCloseConnections: true,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
      const [status, text] = error.code === 'HPE_HEADER_OVERFLOW' ? [431, 'the headers are too long'] : [400, 'not an HTTP request']
      const id = newId('request')
      const body = JSON.stringify(envelope(new ApiError(status, 'invalid_request_error', text), id))
      const head = `HTTP/1.1 ${status} Bad Request\r\ncontent-type: application/json\r\nrequest-id: ${id}\r\nconnection: close`
      socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    },
  })
  // Slow headers and bodies are bounded; uploads and streams are not.
  app.server.headersTimeout = 30_000

  function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply) {
    const known = toApiError(error as FastifyError)
    if (known.status >= 500) log(`${request.id} ${request.method} ${request.url.split('?')[0]} ${known.status}: ${describe(error)}`)
    if (known.shouldRetry !== undefined) reply.header('x-should-retry', String(known.shouldRetry))
    if (known.retryAfterSeconds !== undefined) reply.header('retry-after', String(known.retryAfterSeconds))
    // What is left of an upload need not come.
    if (known.status === 413) reply.header('connection', 'close')
    return reply.code(known.status).header('request-id', request.id).send(envelope(known, request.id))
  }

  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) =>
    answerError(new ApiError(404, 'not_found_error', `${request.method} ${request.url.split('?')[0]} is not an endpoint of this API`), request, reply),
  )
  app.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id)
  })
  app.addHook('onRequest', authenticator(apiKeys))
  registerBodies(app)
  void app.register(multipart, { limits: { fileSize: limits.fileBytes + 1, files: 1, fields: 5, fieldSize: 1000 }, throwFileSizeLimit: false })
  void app.register(async (routes) => {
    agentRoutes(routes, api)
    environmentRoutes(routes, api)
    fileRoutes(routes, api)
    sessionRoutes(routes, api, streams)
  }, { prefix: '/v1' })
  app.get('/health', async () => ({ status: 'ok' }))
  return app
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message} (${describe(error.cause)})`
}


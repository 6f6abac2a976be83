import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { HoldfastApi } from '../client/api.ts'
import { ApiError, unavailable } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { refuseUnsupportedPath } from '../protocol/unsupported.ts'
import { Admission, type RateLimits } from './admission.ts'
import { authenticator } from './authentication.ts'
import { registerBodies } from './bodies.ts'
import { Callers } from './callers.ts'
import { discardRest } from './discard-rest.ts'
import { envelope, retryHeaders, toApiError } from './envelope.ts'
import { EventStreams } from './event-streams.ts'
import type { ServerLimits } from './limits.ts'
import { MalformedRequests } from './malformed-requests.ts'
import { documentPath, openApiDocument } from './openapi/document.ts'
import { agentRoutes } from './routes/agents.ts'
import { deploymentRoutes } from './routes/deployments.ts'
import { environmentRoutes } from './routes/environments.ts'
import { fileRoutes } from './routes/files.ts'
import { memoryStoreRoutes } from './routes/memory-stores.ts'
import { sessionResourceRoutes } from './routes/session-resources.ts'
import { sessionThreadRoutes } from './routes/session-threads.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { skillRoutes } from './routes/skills.ts'
import { vaultRoutes } from './routes/vaults.ts'
import { type ServerLog, writeFault } from './server-log.ts'
import { closeStalledReaders } from './stalled-readers.ts'

export interface AppOptions {
  api: HoldfastApi
  apiKeys: readonly string[]
  limits: ServerLimits
  /** @default none */
  rates?: RateLimits
  log: ServerLog
  /** Sees every route that is made. */
  onRoute?: (route: { method: string; path: string }) => void
}

const health = '/health'
/** Nobody needs a key for these. */
const open = [health, documentPath]

export function createApp({ api, apiKeys, limits, rates = {}, log, onRoute }: AppOptions): FastifyInstance {
  const malformed = new MalformedRequests()
  const authenticate = authenticator(apiKeys)
  const admission = new Admission(rates)
  const callers = new Callers()
  let closing = false

  const app = Fastify({
    bodyLimit: limits.requestBytes,
    genReqId: () => newId('request'),
    keepAliveTimeout: limits.idleMs,
    // Bodies and readers have bounds of their own; streams and uploads last.
    requestTimeout: 0,
    connectionTimeout: 0,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
    http: {
      headersTimeout: limits.headersMs,
      connectionsCheckingInterval: Math.min(5000, limits.headersMs),
      requireHostHeader: false,
    },
    frameworkErrors: (error, request, reply) => answerError(error, request, reply),
    clientErrorHandler: (error, socket) => malformed.answer(error, socket),
  })
  closeStalledReaders(app.server, limits.stalledReaderMs)
  const streams = new EventStreams({
    limits,
    onError(error, request) {
      const known = toApiError(error)
      writeFault(log, request, known, error)
      return known
    },
  })

  function answerError(error: FastifyError | ApiError, request: FastifyRequest, reply: FastifyReply) {
    const known = toApiError(error)
    writeFault(log, request, known, error)
    // The framework would cut off clients that still send: see discardRest.
    if (!closing) reply.removeHeader('connection')
    // Not those of the answer that failed.
    for (const name of ['content-length', 'content-disposition']) reply.removeHeader(name)
    reply.headers({ ...retryHeaders(known), 'request-id': request.id })
    reply.code(known.status).type('application/json; charset=utf-8').send(envelope(known, request.id))
  }
  app.setErrorHandler<FastifyError | ApiError>(answerError)
  app.setNotFoundHandler((request) => {
    const what = `${request.method} ${pathOf(request)}`
    throw new ApiError(404, 'not_found_error', `${what} is not an endpoint of this API`)
  })

  app.addHook('onRequest', async (request, reply) => {
    malformed.note(request.raw.socket, reply.raw)
    reply.header('request-id', request.id)
    reply.raw.once('close', () => {
      discardRest(request.raw, limits.discardMs)
      if (closing) app.server.closeIdleConnections()
    })
    if (open.includes(request.routeOptions.url ?? '')) return
    const key = authenticate(request.headers)
    callers.note(request, key)
    admission.admit(key ?? 'anybody', request, (end) => reply.raw.once('close', end))
    if (closing) throw unavailable('the server is closing: send the request again')
    // Before a body of a kind that nobody takes is refused for that.
    if (request.is404) refuseUnsupportedPath(pathOf(request))
  })
  app.addHook('preClose', async () => {
    closing = true
    streams.end()
  })

  registerBodies(app, limits)
  app.addHook('onRoute', ({ method, url }) => {
    for (const name of [method].flat()) onRoute?.({ method: name, path: url })
  })
  let document: object | undefined
  app.get(documentPath, async () => {
    document ??= openApiDocument()
    return document
  })
  app.get(health, async () => ({ status: 'ok' }))
  void app.register(
    async (routes) => {
      agentRoutes(routes, api)
      environmentRoutes(routes, api)
      deploymentRoutes(routes, api)
      memoryStoreRoutes(routes, api, callers)
      sessionRoutes(routes, api, streams)
      vaultRoutes(routes, api)
      sessionResourceRoutes(routes, api)
      sessionThreadRoutes(routes, api, streams)
      void routes.register(async (uploads) => fileRoutes(uploads, api, limits))
      void routes.register(async (uploads) => skillRoutes(uploads, api, limits))
    },
    { prefix: '/v1' },
  )
  return app
}

const pathOf = ({ url }: FastifyRequest) => url.split('?')[0]!

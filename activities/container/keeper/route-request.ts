import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import type { AddressPolicy } from '../../egress/address-policy.ts'
import type { Route } from '../provider.ts'

/** Milliseconds without a byte. Git keeps a connection alive while it packs. */
const silenceMs = 5 * 60_000

/** Headers that belong to one connection. Source: RFC 9110 §7.6.1. */
const ofConnection = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Where a request leads. */
export interface Passage {
  route: Route
  target: URL
  /** It only begins like a route: it gets none of the headers, and the policy must allow its host. */
  isOther?: true
}

/**
 * What a request leads to, undefined when that is nothing. Git maps addresses by how they begin, so requests for
 * `…/repo-two` arrive here as `/route/<name of repo>-two`: those are for another repository.
 */
export function findRoute(url: string, routes: Route[]): Passage | undefined {
  const [, first, rest, query = ''] =
    /^\/route\/([A-Za-z0-9._~+-]+)((?:\/[A-Za-z0-9._~+:@-]+)*)\/?(\?.*)?$/.exec(url) ?? []
  const route = longest(routes.filter(({ name }) => first?.startsWith(name)))
  if (!route || first === undefined || rest === undefined) return undefined
  // No step up, and nothing encoded that another server might read as one.
  if (rest.split('/').some((part) => part === '.' || part === '..')) return undefined
  const behind = first.slice(route.name.length)
  if (behind === '' || behind === '.git') return { route, target: new URL(route.target + rest + query) }
  const target = route.target.replace(/\.git$/, '') + behind
  return { route: { name: first, target, headers: {} }, target: new URL(target + rest + query), isOther: true }
}

const longest = (routes: Route[]) => routes.toSorted((a, b) => b.name.length - a.name.length)[0]

/** Passes a request on, with the route's headers, and the answer back. */
export async function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  { route, target }: Passage,
  policy: AddressPolicy,
): Promise<void> {
  if (route.methods && !route.methods.includes(request.method ?? '')) {
    return void response.writeHead(405, { 'content-type': 'text/plain' }).end(`${request.method} is not allowed here`)
  }
  const { address, family } = await policy.resolve(target.hostname)
  const { request: send } = target.protocol === 'https:' ? https : http
  const outgoing = send(target, {
    method: request.method,
    headers: { ...without(request.headers, route.headers), ...route.headers },
    agent: false,
    timeout: silenceMs,
    // What was checked is what is dialled.
    lookup: (_host, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family)),
  })
  await new Promise<void>((resolve, reject) => {
    outgoing.on('timeout', () => outgoing.destroy(new Error('the server was silent for too long')))
    outgoing.on('error', reject)
    response.on('close', () => {
      outgoing.destroy()
      resolve()
    })
    outgoing.on('response', (answer) => {
      const headers = without(answer.headers, {})
      // A move within the target is followed with the headers, any other without.
      if (headers.location?.startsWith(`${route.target}/`)) {
        headers.location = `http://${request.headers.host}/route/${route.name}${headers.location.slice(route.target.length)}`
      }
      response.writeHead(answer.statusCode ?? 502, headers)
      answer.on('error', () => response.destroy())
      answer.pipe(response)
    })
    request.on('error', () => outgoing.destroy())
    request.pipe(outgoing)
  })
}

/** The headers that are meant for the other end. */
export const endToEnd = (headers: IncomingHttpHeaders): IncomingHttpHeaders => without(headers, {})

function without(headers: IncomingHttpHeaders, replaced: Record<string, string>): IncomingHttpHeaders {
  const names = new Set(Object.keys(replaced).map((name) => name.toLowerCase()))
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !ofConnection.has(name) && !names.has(name)))
}

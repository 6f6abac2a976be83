import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { AddressPolicy } from '../../egress/address-policy.ts'
import type { Route } from '../provider.ts'
import { endToEnd, exchange } from './exchange.ts'

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
  await exchange(request, response, {
    protocol: target.protocol as 'http:' | 'https:',
    hostname: target.hostname,
    port: portOf(target),
    path: target.pathname + target.search,
    headers: { ...without(request.headers, route.headers), ...route.headers, host: target.host },
    address: await policy.resolve(target.hostname),
    answered(headers) {
      // A move within the target is followed with the headers, any other without.
      if (!headers.location?.startsWith(`${route.target}/`)) return headers
      const location = `http://${request.headers.host}/route/${route.name}${headers.location.slice(route.target.length)}`
      return { ...headers, location }
    },
  })
}

export const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80))

function without(headers: IncomingHttpHeaders, replaced: Record<string, string>): IncomingHttpHeaders {
  const names = new Set(Object.keys(replaced).map((name) => name.toLowerCase()))
  return Object.fromEntries(Object.entries(endToEnd(headers)).filter(([name]) => !names.has(name)))
}

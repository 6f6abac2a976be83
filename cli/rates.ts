import type { RateLimits } from '../server/admission.ts'
import type { Settings } from '../worker/config/settings.ts'
import { isLoopback } from './check-address.ts'

/** Those of the hosted API, and a bound of our own. Source: spec §2.9. */
const usual: Required<RateLimits> = { writesPerMinute: 300, readsPerMinute: 1200, filesPerMinute: 500, underWay: 1000 }

/** The bounds of a server that listens there: the configured ones, else the usual; on loopback only the configured ones. */
export function ratesFor(limits: Settings['limits'], host: string): RateLimits {
  const all = { ...(isLoopback(host) ? {} : usual), ...limits }
  return Object.fromEntries(Object.entries(all).filter(([, bound]) => typeof bound === 'number'))
}

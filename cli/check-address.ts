import { BlockList, isIP } from 'node:net'
import { checkPort } from '../worker/temporal-server/free-port.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

export function isLoopback(host: string): boolean {
  const version = isIP(host)
  return version === 0 ? host === 'localhost' : loopback.check(host, version === 4 ? 'ipv4' : 'ipv6')
}

/**
 * Checks that the API may and can listen there.
 * @throws Error with what to change
 */
export async function checkAddress({ host, port }: { host: string; port: number }, apiKeys: string[]): Promise<void> {
  if (!isLoopback(host) && apiKeys.length === 0) {
    throw new Error(
      `listening on ${host} would let everybody in who can reach it: set HOLDFAST_API_KEYS (keys separated by commas), or listen on 127.0.0.1`,
    )
  }
  await checkPort(port, host).catch((error: NodeJS.ErrnoException) => {
    const reasons: Record<string, string> = {
      EADDRINUSE: `port ${port} of ${host} is in use: stop what listens there, or give another with --port`,
      EACCES: `port ${port} of ${host} needs privileges: give one above 1023 with --port`,
      EADDRNOTAVAIL: `${host} is no address of this machine: give another with --host`,
      ENOTFOUND: `${host} is no known host: give another with --host`,
    }
    throw new Error(reasons[error.code ?? ''] ?? `${host}:${port} cannot be listened on: ${error.message}`, {
      cause: error,
    })
  })
}

import ipaddr from 'ipaddr.js'
import { invalidRequest } from '../protocol/errors.ts'
import { newId } from '../protocol/ids.ts'
import { readRepositoryUrl } from '../protocol/repository-url.ts'
import type { RepositoryResource, RepositoryResourceParams } from '../protocol/sessions.ts'

/**
 * A repository as a session's resource. Any git host over HTTPS may be named; without encryption only one that the
 * configuration allows although it is private.
 * @throws ApiError 400 that names the field
 */
export function prepareRepository(
  { url, mount_path, checkout }: RepositoryResourceParams,
  { now, where, allowPrivate }: { now: string; where: string; allowPrivate: readonly string[] },
): RepositoryResource {
  const address = readRepositoryUrl(url)
  if ('problem' in address) throw invalidRequest(`${where}.url: ${address.problem}`)
  if (address.scheme === 'http' && !isListed(address.host, allowPrivate)) {
    throw invalidRequest(`${where}.url: must be an https URL; http only for hosts in egress.allowPrivate`)
  }
  const place = mount_path ?? `/workspace/${address.name}`
  if (!place.startsWith('/workspace/')) throw invalidRequest(`${where}.mount_path: must be a folder below /workspace`)
  return {
    id: newId('resource'),
    type: 'github_repository',
    url,
    mount_path: place,
    ...(checkout && { checkout }),
    created_at: now,
    updated_at: now,
  }
}

/** Whether the host is named by its name, by its address or by a range of addresses. */
function isListed(host: string, list: readonly string[]): boolean {
  if (list.includes(host)) return true
  if (!ipaddr.isValid(host)) return false
  const address = ipaddr.process(host)
  return list.some((entry) => {
    if (!ipaddr.isValidCIDR(entry)) return ipaddr.isValid(entry) && `${ipaddr.process(entry)}` === `${address}`
    const [range, bits] = ipaddr.parseCIDR(entry)
    return range.kind() === address.kind() && address.match(range, bits)
  })
}

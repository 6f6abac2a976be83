import { describe, expect, it } from 'vitest'
import { AddressPolicy } from '../../activities/egress/address-policy.ts'
import { isCovered, isHostIn } from '../../activities/egress/host-list.ts'
import { isStillOpen, reach } from '../../activities/egress/reach.ts'
import { sessionEgress } from '../../activities/egress/session-egress.ts'

describe('a host name', () => {
  it('is in a list by itself, or by the end of it after a star', () => {
    expect(isHostIn('Example.com', ['example.com'])).toBe(true)
    expect(isHostIn('example.com.', ['example.com'])).toBe(true)
    expect(isHostIn('api.example.com', ['*.example.com'])).toBe(true)
    expect(isHostIn('a.b.example.com', ['*.example.com'])).toBe(true)
    expect(isHostIn('[::1]', ['[::1]:8080'])).toBe(true)
    expect(isHostIn('any.example', ['*'])).toBe(true)
    for (const other of ['example.com', 'notexample.com', 'example.com.evil.test', '.example.com']) {
      expect(isHostIn(other, ['*.example.com']), other).toBe(false)
    }
    expect(isHostIn('api.example.com', ['example.com'])).toBe(false)
  })

  it('is covered when everything that it stands for is in the list', () => {
    expect(isCovered('api.example.com', ['*.example.com'])).toBe(true)
    expect(isCovered('*.example.com', ['*.example.com'])).toBe(true)
    expect(isCovered('*.api.example.com', ['*.example.com'])).toBe(true)
    expect(isCovered('*.example.com', ['api.example.com', 'example.com'])).toBe(false)
    expect(isCovered('*.example.com', ['*.api.example.com'])).toBe(false)
  })
})

describe('a limited environment', () => {
  const networking = { type: 'limited' as const, allow_mcp_servers: true, allow_package_managers: false }
  const agent = { mcp_servers: [{ type: 'url' as const, name: 'tools', url: 'https://mcp.example:8443/mcp' }] }
  const policy = sessionEgress({
    networking: { ...networking, allowed_hosts: ['web.example', '10.0.0.1'] },
    agent,
    routes: [],
    injections: [],
    allowPrivate: ['10.0.0.0/8'],
  })!
  let asked: string[] = []
  const addresses = new AddressPolicy({
    allowPrivate: ['10.0.0.0/8'],
    resolver: async (host) => {
      asked.push(host)
      return [{ address: '93.184.216.34' }]
    },
  })

  it('opens the usual ports of its hosts, and those that an MCP server names', async () => {
    for (const port of [80, 443]) await reach({ host: 'web.example', port }, policy, addresses)
    await expect(reach({ host: 'web.example', port: 22 }, policy, addresses)).rejects.toThrow('port 22')
    await reach({ host: 'mcp.example', port: 8443 }, policy, addresses)
    await expect(reach({ host: 'mcp.example', port: 443 }, policy, addresses)).rejects.toThrow('port 443')
    expect(await reach({ host: '10.0.0.1', port: 5000 }, policy, addresses)).toMatchObject({ isPrivate: true })
  })

  it('has no name looked up that it does not allow', async () => {
    asked = []
    await expect(reach({ host: 'secret.evil.example', port: 443 }, policy, addresses)).rejects.toThrow('networking')
    expect(asked).toEqual([])
  })

  it('closes what it no longer allows', async () => {
    const reached = await reach({ host: 'web.example', port: 443 }, policy, addresses)
    expect(isStillOpen(reached, policy, addresses)).toBe(true)
    expect(isStillOpen(reached, { ...policy, allowedHosts: [] }, addresses)).toBe(false)
    const inside = await reach({ host: '10.0.0.1', port: 80 }, policy, addresses)
    expect(isStillOpen(inside, policy, addresses)).toBe(true)
    expect(isStillOpen(inside, policy, new AddressPolicy())).toBe(false)
  })
})

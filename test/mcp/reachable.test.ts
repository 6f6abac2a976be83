import { describe, expect, it } from 'vitest'
import { isReachable } from '../../activities/mcp/reachable.ts'

const limited = (allow_mcp_servers: boolean, ...allowed_hosts: string[]) =>
  ({ type: 'limited', allowed_hosts, allow_mcp_servers, allow_package_managers: false }) as const

describe('an MCP server of a session with a limited network', () => {
  it('may be used when its host is listed, as the gateway reads the list', () => {
    const networking = limited(false, 'MCP.example.com', '*.two.example')
    const hosts = ['mcp.example.com', 'MCP.example.com', 'mcp.example.com.', 'mcp.example.com:8443', 'a.two.example']
    expect(hosts.filter((host) => !isReachable(`https://${host}/`, networking))).toEqual([])
    const others = ['example.com', 'mcp.example.com.evil.example', 'two.example', 'atwo.example', '127.0.0.1', '[::1]']
    expect(others.filter((host) => isReachable(`https://${host}/`, networking))).toEqual([])
  })

  it('may be used wherever it is when all of them are allowed, or the network is not limited', () => {
    expect(isReachable('https://mcp.example.com/', limited(true))).toBe(true)
    expect(isReachable('https://mcp.example.com/', { type: 'unrestricted' })).toBe(true)
  })
})

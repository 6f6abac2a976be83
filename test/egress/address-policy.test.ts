import os from 'node:os'
import { describe, expect, it } from 'vitest'
import { AddressPolicy, AddressRefused } from '../../activities/egress/address-policy.ts'

const names: Record<string, string[]> = {
  'public.example': ['93.184.216.34'],
  'inside.example': ['10.0.0.5'],
  'mixed.example': ['93.184.216.34', '127.0.0.1'],
  'nowhere.example': [],
}
const resolver = async (host: string) => (names[host] ?? []).map((address) => ({ address }))
const policy = (allowPrivate: string[] = []) => new AddressPolicy({ allowPrivate, resolver })

describe('an address policy', () => {
  it('lets public addresses through, as they were resolved', async () => {
    expect(await policy().resolve('public.example')).toEqual({ address: '93.184.216.34', family: 4 })
    expect(await policy().resolve('[2606:2800:220:1::1]')).toEqual({ address: '2606:2800:220:1::1', family: 6 })
    await expect(policy().resolve('nowhere.example')).rejects.toThrow('has no address')
  })

  it.each([
    ...['127.0.0.1', '127.9.9.9', '10.1.1.1', '172.16.0.1', '192.168.0.1', '100.64.0.1', '169.254.169.254', '0.0.0.0'],
    ...['224.0.0.1', '255.255.255.255', '240.0.0.1', '::1', '::', 'fe80::1', 'fd00::1', 'ff02::1'],
    ...[
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '0x7f000001',
      '2130706433',
      '0177.0.0.1',
    ],
    ...['inside.example', 'mixed.example'],
  ])('refuses %s', async (host) => {
    await expect(policy().resolve(host)).rejects.toThrow(AddressRefused)
  })

  it('refuses the addresses of this machine', async () => {
    const own = Object.values(os.networkInterfaces()).flatMap((list) => list!.map(({ address }) => address))
    for (const address of own) await expect(policy().resolve(address)).rejects.toThrow(AddressRefused)
  })

  it('lets private ones through that are listed by name, address or range, and no others', async () => {
    expect((await policy(['inside.example']).resolve('inside.example')).address).toBe('10.0.0.5')
    expect((await policy(['10.0.0.5']).resolve('inside.example')).address).toBe('10.0.0.5')
    expect((await policy(['10.0.0.0/8']).resolve('10.255.0.1')).address).toBe('10.255.0.1')
    await expect(policy(['10.0.0.0/8', 'other.example']).resolve('127.0.0.1')).rejects.toThrow(AddressRefused)
    await expect(policy(['fd00::/8']).resolve('10.0.0.5')).rejects.toThrow(AddressRefused)
  })

  it('answers as a lookup with what was checked', async () => {
    const asked = await new Promise((resolve) =>
      policy().lookup('public.example', { all: true }, (...answer) => resolve(answer)),
    )
    expect(asked).toEqual([null, [{ address: '93.184.216.34', family: 4 }]])
    const refused = await new Promise((resolve) => policy().lookup('inside.example', {}, (error) => resolve(error)))
    expect(refused).toBeInstanceOf(AddressRefused)
  })
})

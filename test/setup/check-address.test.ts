import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkAddress, isLoopback } from '../../cli/check-address.ts'
import { freePort } from '../../worker/temporal-server/free-port.ts'

describe('the address of the API', () => {
  it('other than loopback is refused without keys, and not with keys', async () => {
    const address = { host: '0.0.0.0', port: await freePort() }
    await expect(checkAddress(address, [])).rejects.toThrow(/HOLDFAST_API_KEYS/)
    await checkAddress(address, ['a-key'])
  })

  it('is loopback in every way to write that', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', 'localhost'].map(isLoopback)).toEqual([true, true, true, true])
    expect(['0.0.0.0', '::', '10.0.0.1', 'example.org', '127.0.0.1.example.org'].map(isLoopback)).not.toContain(true)
  })

  it('whose port is taken is refused with what to do', async () => {
    const listener = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void listener.close())
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    await expect(checkAddress({ host: '127.0.0.1', port }, [])).rejects.toThrow(`port ${port} of 127.0.0.1 is in use`)
  })
})

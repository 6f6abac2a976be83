import { BubblewrapProvider } from './bubblewrap/provider.ts'
import { ContainerUnavailable } from './provider.ts'

export interface SelectOptions {
  provider: 'auto' | 'bubblewrap'
  dataDir: string
}

/**
 * The container provider that works here, found by running a command with it.
 * @throws ContainerUnavailable with what was tried and how to mend it; tools never run on the host instead
 */
export async function selectContainerProvider({ dataDir }: SelectOptions): Promise<BubblewrapProvider> {
  const provider = new BubblewrapProvider({ dataDir })
  const { ok, reason, fix } = await provider.probe()
  if (ok) return provider
  throw new ContainerUnavailable({
    tried: ['bubblewrap'],
    reason: reason ?? 'bubblewrap does not work',
    ...(fix && { fix }),
  })
}

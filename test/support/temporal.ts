import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Connection } from '@temporalio/client'
import { inject } from 'vitest'
import { ensureNamespace } from '../../worker/temporal-server/namespace.ts'
import { resolveBinary } from '../../worker/temporal-server/resolve-binary.ts'
import { type StartTemporalOptions, startTemporal, type TemporalServer } from '../../worker/temporal-server/start.ts'

export interface TestTemporal extends TemporalServer {
  dataDir: string
  /** Stops the server and removes its data. */
  remove(): Promise<void>
}

/** For the data of a server; whoever asks for it removes it. */
export const newDataDir = () => mkdtemp(path.join(os.tmpdir(), 'holdfast-temporal-'))

/** A server of one's own on a temporary folder, for tests that kill it or change its data. */
export async function startTestTemporal(options: Partial<StartTemporalOptions> = {}): Promise<TestTemporal> {
  const binary = options.binary ?? (await resolveBinary()).path
  const dataDir = options.dataDir ?? (await newDataDir())
  const server = await startTemporal({ headless: true, ...options, binary, dataDir })
  return {
    ...server,
    dataDir,
    async remove() {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The server that all files of a test run share. */
export function sharedTemporal(): { address: string } {
  return { address: inject('temporalAddress') }
}

/** A namespace of one's own in the shared server: what other files list, count or purge stays out of it. */
export async function ownNamespace(): Promise<{ address: string; namespace: string }> {
  const { address } = sharedTemporal()
  const namespace = `test-${randomUUID()}`
  const connection = await Connection.connect({ address })
  try {
    await ensureNamespace(connection, namespace)
  } finally {
    await connection.close()
  }
  return { address, namespace }
}

declare module 'vitest' {
  interface ProvidedContext {
    temporalAddress: string
    workflowBundlePath: string
  }
}

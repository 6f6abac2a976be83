import type { Config } from '../worker/config/load-config.ts'
import { connectionOptions, type TemporalConnection } from '../worker/config/temporal-connection.ts'
import { checkServer } from '../worker/temporal-server/check-server.ts'
import { usageError } from './failure.ts'

/**
 * The Temporal server of a part that runs apart: a part does not start one, the others would not find it.
 * @throws Failure with the way out when none is configured, or it does not answer
 */
export async function configuredTemporal({ temporal }: Config, command: string): Promise<TemporalConnection> {
  const { connection, namespace } = temporal
  if (!connection) {
    throw usageError(
      `holdfast ${command} needs a Temporal server: set TEMPORAL_ADDRESS, or temporal.address in temporal.config.ts ` +
        '(`holdfast dev` runs one itself)',
    )
  }
  await checkServer(connectionOptions(connection), namespace)
  return connection
}

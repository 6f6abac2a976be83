import { type HostBus, LocalBus } from '../log/bus.ts'
import { SharedBus } from '../log/shared-bus.ts'
import { isPostgresUrl } from '../store/records-url.ts'
import type { Config } from '../worker/config/load-config.ts'

/** What brings previews from workers to readers: between all machines that have their records in one PostgreSQL, otherwise here. */
export async function openBus({ records }: Pick<Config, 'records'>, started: AsyncDisposableStack): Promise<HostBus> {
  if (!isPostgresUrl(records.url)) return new LocalBus()
  const { PostgresCarrier } = await import('../store/sql/postgres-carrier.ts')
  const carrier = started.use(new PostgresCarrier(records))
  const bus = new SharedBus(carrier)
  started.defer(() => bus.close())
  return bus
}

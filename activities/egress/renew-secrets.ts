import { setTimeout as wait } from 'node:timers/promises'
import type { Records } from '../../store/records.ts'
import type { SecretBox } from '../../store/secrets.ts'
import type { ContainerProvider } from '../container/provider.ts'
import { environmentCredentials } from '../vaults/environment-credentials.ts'
import { sessionVariables } from './session-variables.ts'

export interface SecretsInUse {
  records: Pick<Records, 'sessions' | 'credentials'>
  secrets: SecretBox
  containers: Pick<ContainerProvider, 'withInjections' | 'inject'>
}

/** Milliseconds from one look to the next. */
const defaultIntervalMs = 3_000

/**
 * Looks again and again for what has become of the credentials that containers have placeholders of: a call may run for
 * long, and what it began for longer. Until the signal aborts. Source: spec §18.3.
 */
export async function renewSecrets(
  { records, secrets, containers }: SecretsInUse,
  { signal, intervalMs = defaultIntervalMs }: { signal: AbortSignal; intervalMs?: number },
): Promise<void> {
  while (!signal.aborted) {
    await wait(intervalMs, undefined, { signal, ref: false }).catch(() => {})
    if (signal.aborted) return
    const running = await containers.withInjections().catch(() => [])
    for (const sessionId of running) {
      if (signal.aborted) return
      await renew(sessionId).catch((error) => console.error(`credentials of ${sessionId}:`, error))
    }
  }

  async function renew(sessionId: string): Promise<void> {
    const session = await records.sessions.get(sessionId)
    const { credentials } = records
    const found = session ? await environmentCredentials(session, { credentials, secrets }) : []
    await containers.inject(sessionId, sessionVariables(sessionId, found).injections)
  }
}

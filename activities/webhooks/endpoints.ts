import { createHash } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { WebhookType } from '../../protocol/webhooks.ts'

/** An endpoint as `temporal.config.ts` has it. */
export interface WebhookSetting {
  url: string
  /** Name of the environment variable that holds the signing secret. */
  secret: string
  /** @default all */
  events?: readonly WebhookType[]
}

export interface WebhookEndpoint {
  /** Made of the address, which may be a secret itself: what histories and errors call it. */
  id: string
  url: URL
  wants(type: WebhookType): boolean
  /** The headers of a delivery. */
  sign(id: string, at: Date, body: string): Record<string, string>
}

/**
 * The configured endpoints with their secrets.
 * @throws Error that names the setting; it shows neither a secret nor an address
 */
export function webhookEndpoints(
  settings: readonly WebhookSetting[],
  { env, allowPrivate }: { env: NodeJS.ProcessEnv; allowPrivate: readonly string[] },
): WebhookEndpoint[] {
  return settings.map(({ url: address, secret: variable, events }, index) => {
    const where = `webhooks.${index}`
    const url = new URL(address)
    if (url.username || url.password) throw new Error(`${where}.url: must not have a user or a password in it`)
    if (url.protocol === 'http:' && !allowPrivate.includes(url.hostname))
      throw new Error(`${where}.url: must be https:, unless its host is in egress.allowPrivate`)
    const signer = signerOf(env[variable], `${where}.secret: the environment variable ${variable}`)
    return {
      id: createHash('sha256').update(url.href).digest('hex').slice(0, 16),
      url,
      wants: (type) => events === undefined || events.includes(type),
      sign: (id, at, body) => ({
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': signer.sign(id, at, body),
      }),
    }
  })
}

const fewestBytes = 24

function signerOf(secret: string | undefined, what: string): Webhook {
  if (!secret) throw new Error(`${what} is not set; make a secret with: echo "whsec_$(openssl rand -base64 32)"`)
  const bytes = /^whsec_[A-Za-z0-9+/]+=*$/.test(secret)
    ? Buffer.from(secret.slice('whsec_'.length), 'base64').length
    : 0
  if (bytes < fewestBytes) throw new Error(`${what} must be whsec_ and at least ${fewestBytes} bytes in base64`)
  return new Webhook(secret)
}

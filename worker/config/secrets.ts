import { ConfigError } from './config-error.ts'

/** What only the environment may hold. Private fields: neither JSON nor the console shows them. */
export class Secrets {
  readonly #apiKeys: string[]
  readonly #encryptionKey: Uint8Array | undefined
  readonly #modelKey: string | undefined

  /** @throws ConfigError that names the variable */
  constructor(env: NodeJS.ProcessEnv) {
    this.#apiKeys = (env.HOLDFAST_API_KEYS ?? '')
      .split(',')
      .map((key) => key.trim())
      .filter((key) => key !== '')
    this.#encryptionKey = env.HOLDFAST_SECRET_KEY ? parseKey(env.HOLDFAST_SECRET_KEY.trim()) : undefined
    this.#modelKey = env.ANTHROPIC_API_KEY || env.ANTHROPIC_AUTH_TOKEN || undefined
  }

  /** Keys that the HTTP API accepts (HOLDFAST_API_KEYS, separated by commas). Empty: it asks for none. */
  get apiKeys(): string[] {
    return [...this.#apiKeys]
  }

  /** AES-256 key of payloads and stored credentials (HOLDFAST_SECRET_KEY). */
  get encryptionKey(): Uint8Array | undefined {
    return this.#encryptionKey
  }

  /** Whether ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN is set. */
  get hasModelKey(): boolean {
    return this.#modelKey !== undefined
  }
}

function parseKey(text: string): Uint8Array {
  const bytes = Buffer.from(text, /^[0-9a-f]{64}$/i.test(text) ? 'hex' : 'base64')
  if (bytes.length !== 32 || !/^[A-Za-z0-9+/_-]+=*$/.test(text)) {
    throw new ConfigError('environment', [
      'HOLDFAST_SECRET_KEY: expected 32 bytes as 64 hexadecimal digits or in base64; make one with: openssl rand -base64 32',
    ])
  }
  return bytes
}

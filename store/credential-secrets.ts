import type { CredentialSecret } from '../protocol/credential-auth.ts'
import type { SecretBox } from './secrets.ts'

/** A credential's secret as the records hold it. */
export function sealSecret(box: SecretBox, secret: CredentialSecret): string {
  return box.seal(JSON.stringify(secret))
}

/** @throws SecretUnreadable */
export function openSecret(box: SecretBox, sealed: string): CredentialSecret {
  return JSON.parse(box.open(sealed)) as CredentialSecret
}

import { KeyObject, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext, type SecureContext } from 'node:tls'
// The library's own dependencies want it loaded first.
import 'reflect-metadata'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const dayMs = 86_400_000
const authorityDays = 3650
const leafDays = 90
/** A leaf is made anew when it has no longer than this. */
const renewMs = 30 * dayMs
/** Hosts whose certificates are kept. */
const mostHosts = 256

interface Leaf {
  context: SecureContext
  expires: number
}

/**
 * Certifies hosts towards one container. Its keys are made with it, stay in the memory of this process, and are good for
 * nothing outside of that container.
 */
export class Authority {
  readonly #keys: webcrypto.CryptoKeyPair
  readonly #leafKeys: webcrypto.CryptoKeyPair
  readonly #leafPem: string
  readonly #certificate: X509Certificate
  readonly #leaves = new Map<string, Leaf>()

  private constructor(keys: webcrypto.CryptoKeyPair, leafKeys: webcrypto.CryptoKeyPair, certificate: X509Certificate) {
    this.#keys = keys
    this.#leafKeys = leafKeys
    this.#leafPem = KeyObject.from(leafKeys.privateKey).export({ type: 'pkcs8', format: 'pem' }) as string
    this.#certificate = certificate
  }

  static async create(): Promise<Authority> {
    const [keys, leafKeys] = await Promise.all([generate(), generate()])
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name: `CN=Holdfast gateway ${randomBytes(4).toString('hex')}`,
      ...validity(authorityDays),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    return new Authority(keys, leafKeys, certificate)
  }

  /** Its own certificate, PEM. */
  get certificate(): string {
    return `${this.#certificate.toString('pem')}\n`
  }

  /** What a server needs to be this host. */
  async contextFor(host: string): Promise<SecureContext> {
    const name = host.toLowerCase().replace(/^\[|\]$/g, '')
    const known = this.#leaves.get(name)
    if (known && known.expires - Date.now() > renewMs) return known.context
    const { key, cert, expires } = await this.certify(name)
    const leaf = { context: createSecureContext({ key, cert }), expires }
    this.#leaves.delete(name)
    if (this.#leaves.size >= mostHosts) this.#leaves.delete(this.#leaves.keys().next().value!)
    this.#leaves.set(name, leaf)
    return leaf.context
  }

  /** A new certificate for a host, with those above it, and its key, PEM. */
  async certify(name: string): Promise<{ key: string; cert: string; expires: number }> {
    const { notBefore, notAfter } = validity(leafDays)
    const extensions: Extension[] = [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([{ type: isIP(name) ? 'ip' : 'dns', value: name }]),
      await SubjectKeyIdentifierExtension.create(this.#leafKeys.publicKey),
      await AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
    ]
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial(),
      // A name may be longer than a common name; who it is for says the alternative name.
      subject: 'CN=Holdfast gateway',
      issuer: this.#certificate.subject,
      notBefore,
      notAfter,
      signingAlgorithm: algorithm,
      signingKey: this.#keys.privateKey,
      publicKey: this.#leafKeys.publicKey,
      extensions,
    })
    const cert = `${certificate.toString('pem')}\n${this.certificate}`
    return { key: this.#leafPem, cert, expires: notAfter.getTime() }
  }
}

const generate = () =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>

/** Positive: the first bit says minus. */
const serial = () => `4${randomBytes(16).toString('hex').slice(1)}`

/** From yesterday on: clocks differ. */
function validity(days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + days * dayMs) }
}

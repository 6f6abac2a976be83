import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import path from 'node:path'

/** Encrypts what must never be readable in the records: AES-256-GCM, each text under a nonce of its own. */
export interface SecretBox {
  seal(plain: string): string
  /** @throws SecretUnreadable */
  open(sealed: string): string
}

/** A stored secret was sealed with another key, or changed. */
export class SecretUnreadable extends Error {
  override readonly name = 'SecretUnreadable'

  constructor(cause?: unknown) {
    super('a stored secret cannot be read: it was sealed with another key (HOLDFAST_SECRET_KEY, or secret.key)', {
      cause,
    })
  }
}

const version = 'v1'
const nonceBytes = 12
const tagBytes = 16

/** @param key 32 bytes */
export function secretBox(key: Uint8Array): SecretBox {
  // A key of its own for this use, so that no nonce meets those of the payloads, which the same key may encrypt.
  const own = createHash('sha256').update('holdfast secrets').update(key).digest()
  return {
    seal(plain) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', own, nonce)
      const text = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return `${version}.${Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url')}`
    },
    open(sealed) {
      const [given, body = ''] = sealed.split('.')
      const bytes = Buffer.from(body, 'base64url')
      if (given !== version || bytes.length < nonceBytes + tagBytes) throw new SecretUnreadable()
      const decipher = createDecipheriv('aes-256-gcm', own, bytes.subarray(0, nonceBytes))
      decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
      try {
        return decipher.update(bytes.subarray(nonceBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8')
      } catch (cause) {
        throw new SecretUnreadable(cause)
      }
    },
  }
}

/**
 * The box of this installation.
 * @param options.key what HOLDFAST_SECRET_KEY gives; what was sealed before there was one stays readable
 * @param options.dataDir where, without a key, `secret.key` is kept: made at the first use, readable by its owner only
 */
export async function openSecrets({
  key,
  dataDir,
}: {
  key?: Uint8Array | undefined
  dataDir: string
}): Promise<SecretBox> {
  const file = path.join(dataDir, 'secret.key')
  if (!key) return secretBox(await keyFile(file))
  const own = secretBox(key)
  const before = await readKey(file)
  if (!before) return own
  const older = secretBox(before)
  return {
    seal: own.seal,
    open(sealed) {
      try {
        return own.open(sealed)
      } catch {
        return older.open(sealed)
      }
    },
  }
}

/** Written beside its place and linked there: of several processes that make one at once, all read the first's. */
async function keyFile(file: string): Promise<Uint8Array> {
  const known = await readKey(file)
  if (known) return known
  await mkdir(path.dirname(file), { recursive: true })
  const partial = `${file}.${randomBytes(8).toString('hex')}`
  try {
    const handle = await open(partial, 'wx', 0o600)
    try {
      await handle.writeFile(randomBytes(32).toString('base64'))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(partial, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(partial, { force: true })
  }
  return (await readKey(file))!
}

async function readKey(file: string): Promise<Uint8Array | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const key = Buffer.from(text.trim(), 'base64')
  if (key.length !== 32) throw new Error(`${file} is no key: expected 32 bytes in base64`)
  return key
}

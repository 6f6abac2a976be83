import type { ConnectionOptions } from '@temporalio/client'
import { loadClientConnectConfig } from '@temporalio/envconfig'
import type { NativeConnectionOptions } from '@temporalio/worker'
import { ConfigError } from './config-error.ts'
import type { Settings } from './settings.ts'

/** How to reach a Temporal server, in plain data that can be handed to another process. */
export interface TemporalConnection {
  /** `HOST:PORT` */
  address: string
  tls?: boolean | TlsFiles
  apiKey?: string
  metadata?: Record<string, string>
}

/** Contents of PEM files, in base64. */
export interface TlsFiles {
  serverName?: string
  serverCa?: string
  clientCertificate?: string
  clientKey?: string
}

/**
 * The server that the environment, `temporal.config.ts` or a profile of Temporal's own configuration file names, in this
 * order. The connection is absent when none does: then Holdfast starts a server.
 * @throws ConfigError when a named profile or file is not there
 */
export function temporalConnection(
  settings: Settings['temporal'],
  env: NodeJS.ProcessEnv,
): { namespace: string; connection?: TemporalConnection } {
  // An empty variable means: not set.
  const variables = Object.fromEntries(Object.entries(env).filter(([, value]) => value)) as Record<string, string>
  const named = variables.TEMPORAL_ADDRESS ?? settings.address
  // The address of `temporal.config.ts` stands above the profile's, and so does what belongs to it.
  const withoutFile = named !== undefined && variables.TEMPORAL_ADDRESS === undefined
  const loaded = load(variables, variables.TEMPORAL_PROFILE ?? settings.profile, withoutFile)
  const { tls, apiKey, metadata, address = named } = loaded.connectionOptions
  const namespace = variables.TEMPORAL_NAMESPACE ?? settings.namespace ?? loaded.namespace ?? 'default'
  if (!address) return { namespace }
  const wantsTls = tls ?? settings.tls ?? apiKey !== undefined
  return {
    namespace,
    connection: {
      address: named ?? address,
      ...(wantsTls && { tls: typeof wantsTls === 'object' ? toFiles(wantsTls) : true }),
      ...(typeof apiKey === 'string' && { apiKey }),
      ...(metadata && { metadata: stringsOf(metadata) }),
    },
  }
}

/** For the SDK's connections, both of them. */
export function connectionOptions({
  address,
  tls,
  apiKey,
  metadata,
}: TemporalConnection): ConnectionOptions & NativeConnectionOptions {
  return {
    address,
    ...(tls && { tls: typeof tls === 'object' ? fromFiles(tls) : true }),
    ...(apiKey && { apiKey }),
    ...(metadata && { metadata }),
  }
}

function load(variables: Record<string, string>, profile: string | undefined, disableFile: boolean) {
  try {
    return loadClientConnectConfig({ overrideEnvVars: variables, disableFile, ...(profile && { profile }) })
  } catch (error) {
    const file = variables.TEMPORAL_CONFIG_FILE ?? "Temporal's configuration file"
    throw new ConfigError(
      file,
      [`${(error as Error).message} (profile ${profile ?? 'default'}; see TEMPORAL_PROFILE)`],
      {
        cause: error,
      },
    )
  }
}

type Tls = Exclude<NativeConnectionOptions['tls'], boolean | null | undefined>

function toFiles({ serverNameOverride, serverRootCACertificate, clientCertPair }: Tls): TlsFiles {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return {
    ...(serverNameOverride && { serverName: serverNameOverride }),
    ...(serverRootCACertificate && { serverCa: text(serverRootCACertificate) }),
    ...(clientCertPair && { clientCertificate: text(clientCertPair.crt), clientKey: text(clientCertPair.key) }),
  }
}

function fromFiles({ serverName, serverCa, clientCertificate, clientKey }: TlsFiles): Tls {
  const bytes = (text: string) => Buffer.from(text, 'base64')
  return {
    ...(serverName && { serverNameOverride: serverName }),
    ...(serverCa && { serverRootCACertificate: bytes(serverCa) }),
    ...(clientCertificate && clientKey && { clientCertPair: { crt: bytes(clientCertificate), key: bytes(clientKey) } }),
  }
}

function stringsOf(metadata: NonNullable<NativeConnectionOptions['metadata']>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]))
}

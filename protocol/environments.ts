/** Environments: where the tools of a session run. Source: spec §4. */
import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { invalidRequest } from './errors.ts'
import { newId } from './ids.ts'
import { limits } from './limits.ts'
import { type Metadata, patchMetadata } from './metadata.ts'
import { pageParams } from './pagination.ts'
import { parse } from './parse.ts'
import { refuseUnsupportedConfig } from './unsupported.ts'

export interface Packages {
  type: 'packages'
  apt: string[]
  cargo: string[]
  gem: string[]
  go: string[]
  npm: string[]
  pip: string[]
}
export type Networking =
  | { type: 'unrestricted' }
  | { type: 'limited'; allowed_hosts: string[]; allow_mcp_servers: boolean; allow_package_managers: boolean }
export interface CloudConfig {
  type: 'cloud'
  networking: Networking
  packages: Packages
}
export type EnvironmentConfig = CloudConfig | { type: 'self_hosted' }
export interface Environment {
  id: string
  type: 'environment'
  name: string
  description: string | null
  config: CloudConfig
  metadata: Record<string, string>
  scope: 'organization'
  created_at: string
  updated_at: string
  archived_at: string | null
}

const host = z
  .string()
  .max(255)
  .regex(
    /^(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/,
    'must be a host name or *.host name, without scheme, port or path',
  )
/** Names are arguments of the managers' programs: none may pass for an option. */
const packageName = z
  .string()
  .min(1)
  .max(255)
  .regex(
    /^[^-\s\p{Cc}][^\p{Cc}]*$/u,
    'must be the name of a package: without control characters, not beginning with "-"',
  )
const packageList = z.array(packageName).max(200).nullish()
const networkingParams = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('unrestricted') }),
  z.strictObject({
    type: z.literal('limited'),
    allowed_hosts: z.array(host).max(500).nullish(),
    allow_mcp_servers: z.boolean().nullish(),
    allow_package_managers: z.boolean().nullish(),
  }),
])
const packagesParams = z.strictObject({
  type: z.literal('packages').nullish(),
  apt: packageList,
  cargo: packageList,
  gem: packageList,
  go: packageList,
  npm: packageList,
  pip: packageList,
})
const configParams = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('cloud'),
    networking: networkingParams.nullish(),
    packages: packagesParams.nullish(),
  }),
  z.strictObject({ type: z.literal('self_hosted') }),
])
type ConfigParams = z.output<typeof configParams>

/** Limits are checked apart, because here they have an error code of their own. */
const metadataParams = z.record(z.string(), z.string())
const metadataPatch = z.record(z.string(), z.string().nullable())

const name = z.string().min(1).max(255)
const description = z.string().max(2048)
const scope = z.enum(['organization', 'account']).nullish()

export const environmentCreateParams = z.strictObject({
  name,
  description: description.nullish(),
  config: configParams.nullish(),
  metadata: metadataParams.nullish(),
  scope,
})
export type EnvironmentCreateParams = z.input<typeof environmentCreateParams>

export const environmentUpdateParams = z.strictObject({
  name: name.nullish(),
  description: description.nullish(),
  config: configParams.nullish(),
  metadata: metadataPatch.nullish(),
  scope,
})
export type EnvironmentUpdateParams = z.input<typeof environmentUpdateParams>

export const environmentListParams = pageParams('environments').extend({
  include_archived: z.boolean().optional(),
})
export type EnvironmentListParams = z.input<typeof environmentListParams>

export const noPackages: Packages = { type: 'packages', apt: [], cargo: [], gem: [], go: [], npm: [], pip: [] }
const initial: CloudConfig = { type: 'cloud', networking: { type: 'unrestricted' }, packages: noPackages }

export function createEnvironment(input: EnvironmentCreateParams, now: string): Environment {
  const params = parse(environmentCreateParams, input)
  refuseAccountScope(params.scope)
  return {
    id: newId('environment'),
    type: 'environment',
    name: params.name,
    description: params.description ?? null,
    config: params.config ? mergeConfig(initial, params.config) : initial,
    metadata: mergeMetadata({}, params.metadata ?? {}),
    scope: 'organization',
    created_at: now,
    updated_at: now,
    archived_at: null,
  }
}

/**
 * The environment after an update, or itself when nothing changes. Source: spec §4.2.
 * @throws ApiError 400 `environment_archived`, `invalid_config_type_change`, `invalid_metadata`
 */
export function updateEnvironment(environment: Environment, input: EnvironmentUpdateParams, now: string): Environment {
  const params = parse(environmentUpdateParams, input)
  if (environment.archived_at) {
    throw invalidRequest(`environment ${environment.id} is archived and cannot be changed`, {
      code: 'environment_archived',
    })
  }
  refuseAccountScope(params.scope)
  if (params.config && params.config.type !== environment.config.type) {
    throw invalidRequest('config.type: cannot be changed', { code: 'invalid_config_type_change' })
  }
  // Here an empty string removes a key as null does.
  const patch =
    params.metadata &&
    Object.fromEntries(Object.entries(params.metadata).map(([key, value]) => [key, value === '' ? null : value]))
  const changed: Environment = {
    ...environment,
    name: params.name ?? environment.name,
    description: params.description === undefined ? environment.description : params.description,
    config: params.config ? mergeConfig(environment.config, params.config) : environment.config,
    metadata: patch ? mergeMetadata(environment.metadata, patch) : environment.metadata,
  }
  return isDeepStrictEqual(changed, environment) ? environment : { ...changed, updated_at: now }
}

function mergeConfig(before: CloudConfig, params: ConfigParams): CloudConfig {
  if (params.type === 'self_hosted') return supported(params)
  const networking = mergeNetworking(before.networking, params.networking)
  const packages = mergePackages(before.packages, params.packages)
  const { type: _type, ...lists } = packages
  const wanted = Object.values(lists).some((list) => list.length > 0)
  if (wanted && networking.type === 'limited' && !networking.allow_package_managers) {
    throw invalidRequest('config.packages: limited networking needs allow_package_managers: true')
  }
  return supported({ type: 'cloud', networking, packages })
}

function supported(config: EnvironmentConfig): CloudConfig {
  refuseUnsupportedConfig(config)
  return config
}

function mergeNetworking(before: Networking, params: z.output<typeof networkingParams> | null | undefined): Networking {
  if (!params) return before
  if (params.type === 'unrestricted') return { type: 'unrestricted' }
  const kept = before.type === 'limited' ? before : undefined
  return {
    type: 'limited',
    allowed_hosts: params.allowed_hosts ?? kept?.allowed_hosts ?? [],
    allow_mcp_servers: params.allow_mcp_servers ?? kept?.allow_mcp_servers ?? false,
    allow_package_managers: params.allow_package_managers ?? kept?.allow_package_managers ?? false,
  }
}

function mergePackages(before: Packages, params: z.output<typeof packagesParams> | null | undefined): Packages {
  const { type: _type, ...lists } = params ?? {}
  const given = Object.fromEntries(Object.entries(lists).filter(([, list]) => list != null))
  return { ...before, ...given }
}

/** The bag after the patch. Throws a 400 `invalid_metadata` that names every problem. */
function mergeMetadata(bag: Metadata, patch: Record<string, string | null>): Metadata {
  const problems = Object.entries(patch).flatMap(([key, value]) => [
    ...(key.length < 1 || key.length > limits.metadataKey
      ? [
          `metadata: the key ${JSON.stringify(key.slice(0, limits.metadataKey))} is not of 1 to ${limits.metadataKey} characters`,
        ]
      : []),
    ...(value && value.length > limits.metadataValue
      ? [`metadata.${key.slice(0, limits.metadataKey)}: longer than ${limits.metadataValue} characters`]
      : []),
  ])
  const kept = Object.entries({ ...bag, ...patch }).filter(([, value]) => value !== null)
  if (kept.length > limits.metadataPairs) problems.push(`metadata: at most ${limits.metadataPairs} pairs`)
  if (problems.length > 0) throw invalidRequest(problems.join('; '), { code: 'invalid_metadata' })
  return patchMetadata(bag, patch)
}

function refuseAccountScope(scope: string | null | undefined): void {
  if (scope === 'account') throw invalidRequest('scope: only "organization" exists here')
}

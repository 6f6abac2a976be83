import type Anthropic from '@anthropic-ai/sdk'

type Resource = Record<string, unknown>

/** Whether it is one of the SDK's resources: they all hold the client. */
export const isResource = (value: unknown): value is Resource =>
  typeof value === 'object' && value !== null && '_client' in value

/** Names of every method below these resources of `client.beta`, such as `agents.versions.list`. */
export function methodsOf(client: Anthropic, resources: readonly string[]): string[] {
  const beta = client.beta as unknown as Record<string, unknown>
  return resources.flatMap((name) => walk(beta[name] as Resource, name))
}

function walk(resource: Resource, name: string): string[] {
  // The class of the resource itself; above it is the one that all have in common.
  const own = Object.getOwnPropertyNames(Object.getPrototypeOf(resource))
  const methods = own.filter((key) => key !== 'constructor' && !key.startsWith('_'))
  const inner = Object.entries(resource).filter((entry): entry is [string, Resource] => isResource(entry[1]))
  return [
    ...methods.map((method) => `${name}.${method}`),
    ...inner.filter(([key]) => key !== '_client').flatMap(([key, value]) => walk(value, `${name}.${key}`)),
  ]
}

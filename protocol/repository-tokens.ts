import type { ResourceParams } from './sessions.ts'

/** Resources with another token in place of each of theirs; undefined takes it away. */
export function mapTokens<R extends ResourceParams>(
  resources: readonly R[],
  change: (token: string) => string | undefined,
): R[] {
  return resources.map((resource) => {
    if (resource.type !== 'github_repository' || resource.authorization_token == null) return resource
    const { authorization_token, ...rest } = resource
    const changed = change(authorization_token)
    return (changed === undefined ? rest : { ...rest, authorization_token: changed }) as R
  })
}

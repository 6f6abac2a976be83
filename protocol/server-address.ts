/**
 * An MCP server's URL as credentials are matched by it: scheme and host in lower case, without the default port and a
 * slash at the end. Path, query and any other port count. Source: spec §18.3.
 */
export function serverAddress(url: string): string {
  const { protocol, host, pathname, search } = new URL(url)
  return `${protocol}//${host}${pathname.replace(/\/+$/, '')}${search}`
}

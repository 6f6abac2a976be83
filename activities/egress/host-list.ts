/**
 * Whether a list names the host: by its name, by `*.` and the end of it (subdomains only), or by `*`. An entry may end in
 * `:port`. Source: spec §4.1, §18.2.
 * @param fits whether an entry counts, given its port
 */
export function isHostIn(
  host: string,
  list: readonly string[],
  fits: (port: number | undefined) => boolean = () => true,
): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  return list.some((entry) => {
    const [, allowed = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? []
    return matches(name, allowed) && fits(port === undefined ? undefined : Number(port))
  })
}

function matches(name: string, allowed: string): boolean {
  if (allowed === '*') return true
  if (!allowed.startsWith('*.')) return name === allowed
  return name.endsWith(allowed.slice(1)) && name.length > allowed.length - 1
}

/** Whether every host that `entry` names is one that the list names. */
export function isCovered(entry: string, list: readonly string[]): boolean {
  if (!entry.startsWith('*.')) return isHostIn(entry, list)
  // `*.a.example` lies within `*.example`: any name below it does.
  return list.some(
    (allowed) => allowed === '*' || (allowed.startsWith('*.') && isHostIn(`any${entry.slice(1)}`, [allowed])),
  )
}

/** Finds every place where one of the texts stands; of two that begin alike the longer one. */
export function anyOf(texts: Iterable<string>): RegExp {
  const longestFirst = [...texts].sort((one, other) => other.length - one.length)
  return new RegExp(longestFirst.map((text) => text.replace(/\W/g, '\\$&')).join('|'), 'g')
}

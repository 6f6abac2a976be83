type Expected = 'value' | 'value or end' | 'name' | 'name or end' | 'colon' | 'comma or end' | 'nothing'

const space = /[ \t\n\r]*/y
const scalar = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * Where a text that is no JSON goes wrong: the index of the first character that fits nowhere, or the text's length when
 * it ends too early; of a number or a word that is none, where it begins. The engine's own messages quote the text around
 * the fault, which may be a secret.
 */
export function jsonFault(text: string): number {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  const afterValue = (): Expected => (open.length > 0 ? 'comma or end' : 'nothing')
  for (let at = 0; ; ) {
    space.lastIndex = at
    space.test(text)
    at = space.lastIndex
    const character = text[at]
    if (character === undefined) return text.length
    const inside = open.at(-1)
    if (character === '"' && expected !== 'colon' && expected !== 'comma or end' && expected !== 'nothing') {
      const end = stringEnd(text, at)
      if ('fault' in end) return end.fault
      at = end.after
      expected = expected.startsWith('name') ? 'colon' : afterValue()
    } else if (character === ':' && expected === 'colon') {
      expected = 'value'
      at++
    } else if (character === ',' && expected === 'comma or end') {
      expected = inside === '{' ? 'name' : 'value'
      at++
    } else if ((character === '}' && inside === '{') || (character === ']' && inside === '[')) {
      if (!expected.endsWith('or end')) return at
      open.pop()
      expected = afterValue()
      at++
    } else if (!expected.startsWith('value')) {
      return at
    } else if (character === '{' || character === '[') {
      open.push(character)
      expected = character === '{' ? 'name or end' : 'value or end'
      at++
    } else {
      scalar.lastIndex = at
      if (!scalar.test(text)) return at
      at = scalar.lastIndex
      expected = afterValue()
    }
  }
}

function stringEnd(text: string, start: number): { after: number } | { fault: number } {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') return { after: at + 1 }
    if (character < ' ') return { fault: at }
    if (character !== '\\') continue
    at++
    if (text[at] === 'u') {
      for (const end = at + 4; at < end; at++) {
        if (!/^[\da-f]$/i.test(text[at + 1] ?? '')) return { fault: Math.min(at + 1, text.length) }
      }
    } else if (!'"\\/bfnrt'.includes(text[at] ?? 'end')) {
      return { fault: Math.min(at, text.length) }
    }
  }
  return { fault: text.length }
}

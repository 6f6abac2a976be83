const quote = 0x22
const comma = 0x2c
const backslash = 0x5c
// `[` and `{`, `]` and `}`.
const isOpening = (byte: number) => byte === 0x5b || byte === 0x7b
const isClosing = (byte: number) => byte === 0x5d || byte === 0x7d

/**
 * How many values a JSON text has, counted no further than one beyond `most`. It costs no memory, as parsing would. Of
 * what is no JSON it counts at least the values that a parser makes before it sees that.
 */
export function countValues(text: Buffer, most: number): number {
  const { length } = text
  let count = 1
  let isFirst = false
  for (let at = 0; at < length && count <= most; at++) {
    const byte = text[at]!
    if (byte <= 0x20) continue
    // A value stands behind each comma, and behind what opens a list or an object that is not empty.
    if (byte === comma || (isFirst && !isClosing(byte))) count++
    isFirst = isOpening(byte)
    if (byte === quote) at = stringEnd(text, at)
  }
  return count
}

/** Where the string that begins at `start` has its closing quote; the text's length when it has none. */
function stringEnd(text: Buffer, start: number): number {
  const { length } = text
  for (let at = start + 1; at < length; ) {
    for (const near = Math.min(length, at + 64); at < near; at++) {
      const byte = text[at]
      if (byte === quote) return at
      if (byte === backslash) at++
    }
    // Long ones, such as files in base64, are most of a large body: the next quote is found much faster than by a loop.
    const found = text.indexOf(quote, at)
    if (found < 0) break
    let before = found
    while (before > at && text[before - 1] === backslash) before--
    if ((found - before) % 2 === 0) return found
    at = found + 1
  }
  return length
}

/**
 * What JSON can say, with half of a surrogate pair replaced wherever it is, in names too: no UTF-8 can say one, and the
 * Messages API refuses every request that has one. The value itself when there is none.
 */
export function wellFormed<T>(value: T): T {
  const json = JSON.stringify(value)
  // Whole pairs are written as they are: an escape is half of one, unless it is the text of an escape.
  const mended = json.replace(/\\\\|\\ud[0-9a-f]{3}/g, (found) => (found === '\\\\' ? found : '\ufffd'))
  return mended === json ? value : JSON.parse(mended)
}

/** What begins a new line somewhere, and other characters that are not shown. */
const breaks = /[\p{Cc}\u2028\u2029]/u

/** A text as one line, for lists with a line for each entry: none of it passes for another entry. */
export const oneLine = (text: string): string =>
  text
    .split(breaks)
    .map((line) => line.trim())
    .filter(Boolean)
    .join(' ')

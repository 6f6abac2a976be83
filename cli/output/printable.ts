/**
 * Text that comes from agents, their tools and other people, made safe for a terminal: escape sequences could move the
 * cursor, hide text or type commands. Line breaks and tabs stay.
 */
export function printable(text: string): string {
  return text.replace(/\r\n/g, '\n').replace(/[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu, '�')
}

/** The same on one line. */
export const oneLine = (text: string): string => printable(text).replace(/\s*\n\s*|\t/g, ' ')

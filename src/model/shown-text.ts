/**
 * Text from outside made fit for an error message: at most `maxChars` characters, the middle left out, and everything
 * that could move a cursor, end a line or turn the writing direction escaped.
 */
export function shownText (text: string, maxChars = 60): string {
  // escapes make text longer, never shorter: no more than this much of it can be shown
  const short = text.length <= maxChars
    ? text
    : text.slice(0, maxChars) + text.slice(-maxChars)
  const safe = Array.from(short, escaped).join('')
  if (text.length <= maxChars && safe.length <= maxChars) return safe
  const head = Math.ceil((maxChars - 1) / 2)
  return `${safe.slice(0, head)}…${safe.slice(safe.length - (maxChars - 1 - head))}`
}

// C: control, format (direction marks, zero-width), lone surrogates, private, unassigned; Zl, Zp: line ends
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/u

function escaped (char: string): string {
  if (!UNSAFE.test(char)) return char
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`
}

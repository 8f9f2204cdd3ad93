import stringWidth from 'string-width'

// C: control, format (direction marks, zero-width), lone surrogates, private, unassigned; Zl, Zp: line ends
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu

/**
 * Text that peers chose, fit for a terminal: whatever could move the cursor, end a line or turn the writing direction
 * is escaped.
 */
export function printable (text: string): string {
  return text.replace(UNSAFE, char => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The beginning of a text that takes less than so many columns of a terminal, in which many characters take two. */
export function cutToColumns (text: string, columns: number): string {
  if (stringWidth(text) < columns) return text
  let cut = ''
  let width = 0
  for (const char of text) {
    width += stringWidth(char)
    if (width >= columns) break
    cut += char
  }
  return cut
}

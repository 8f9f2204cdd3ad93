// C: control, format (direction marks, zero-width), lone surrogates, private, unassigned; Zl, Zp: line ends
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu

/**
 * Text that peers chose, fit for a terminal: whatever could move the cursor, end a line or turn the writing direction
 * is escaped.
 */
export function printable (text: string): string {
  return text.replace(UNSAFE, char => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}

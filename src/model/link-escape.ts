const PLAIN = /[A-Za-z0-9:._/@+-]/
const ESCAPE = /^[0-9A-Fa-f]{2}$/

/** A value made of link characters alone: any other, and `~`, `,`, `=`, becomes ~XX for each byte of its UTF-8. */
export function escapeValue (value: string): string {
  let escaped = ''
  for (const char of value) {
    if (PLAIN.test(char)) escaped += char
    else for (const byte of encoder.encode(char)) escaped += `~${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}

/** The inverse; undefined for a broken escape, bytes that are not UTF-8, and control characters. */
export function unescapeValue (escaped: string): string | undefined {
  const bytes: number[] = []
  for (let i = 0; i < escaped.length; i++) {
    if (escaped[i] !== '~') {
      bytes.push(escaped.charCodeAt(i))
      continue
    }
    const hex = escaped.slice(i + 1, i + 3)
    if (!ESCAPE.test(hex)) return undefined
    bytes.push(parseInt(hex, 16))
    i += 2
  }
  try {
    const value = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
    return /\p{Cc}/u.test(value) ? undefined : value
  } catch (err) {
    if (err instanceof TypeError) return undefined
    throw err
  }
}

const encoder = new TextEncoder()

/**
 * Compares two names by their UTF-8 bytes, the order of links in a folder; negative, 0 or positive like any comparator.
 * JavaScript's own `<` compares UTF-16 units, which puts U+10000 before U+FFFF.
 */
export function compareNames (a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/**
 * Compares two paths in the order of files in a manifest: segment by segment, each by its UTF-8 bytes, so that the
 * files of a folder stand where the folder's name sorts.
 */
export function comparePaths (a: string, b: string): number {
  const left = a.split('/')
  const right = b.split('/')
  const length = Math.min(left.length, right.length)
  for (let i = 0; i < length; i++) {
    const order = compareNames(left[i] ?? '', right[i] ?? '')
    if (order !== 0) return order
  }
  return left.length - right.length
}

/** Surrogates stand for code points above all other units. */
function rank (unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

/** A header that breaks its format. Stays inside formats/: readTensorTable answers it with undefined. */
export class Malformed extends Error {
  override name = 'Malformed'
}

/** Ends the reading of a header unless the condition holds. */
export function ensure (condition: boolean, what: string): asserts condition {
  if (!condition) throw new Malformed(what)
}

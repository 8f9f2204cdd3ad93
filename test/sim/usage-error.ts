/** Arguments that make no sense: shown as a line, not with a stack. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What happened in a run: how often each kind of fault, what was found wrong, and on request a line for each event. */
export class Trace {
  readonly counts = new Map<string, number>()
  readonly broken: string[] = []
  readonly lines: string[] | undefined
  readonly #now: () => number

  constructor (now: () => number, isKept: boolean) {
    this.#now = now
    this.lines = isKept ? [] : undefined
  }

  /** An event; the text is made only when somebody reads it. */
  say (who: string, what: () => string): void {
    this.lines?.push(`${this.#now().toFixed(3).padStart(12)}  ${who.padEnd(8)}  ${what()}`)
  }

  /** A fault was injected. */
  count (kind: string, who: string, what: () => string = () => ''): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    this.say(who, () => `FAULT ${kind} ${what()}`)
  }

  /** A promise was broken. */
  fail (promise: string, who: string, what: string): void {
    const line = `${promise} ${who}: ${what}`
    if (this.broken.length < 20 && !this.broken.includes(line)) this.broken.push(line)
    this.say(who, () => `BROKEN ${promise} ${what}`)
  }
}

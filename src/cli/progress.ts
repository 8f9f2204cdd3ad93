import { MultiBar } from 'cli-progress'
import { cutToColumns } from './printable.ts'
import type { Output } from './output.ts'
import type { SingleBar } from 'cli-progress'

/** Plain lines are this far apart where there is no terminal: a log of a night's pull stays readable. */
const PLAIN_INTERVAL_MS = 5000
const REDRAWS_PER_SEC = 10
const DEFAULT_COLUMNS = 80

/** Draws a line for a terminal of so many columns, or a plain one when it is given none. */
export type DrawLine = (columns?: number) => string

export interface LiveParts {
  output: Output
  /** The terminal to redraw on; without one, plain lines go to the output. */
  screen?: NodeJS.WritableStream
  now?: () => number
}

/**
 * What goes on, for people: lines at the bottom of a terminal, redrawn in place, or a plain line now and then where
 * there is no terminal. Silent with `--json` and `--quiet`. Each line has a key; a plain one that did not change is
 * not repeated.
 */
export class Live {
  readonly #output: Output
  readonly #screen: NodeJS.WritableStream | undefined
  readonly #now: () => number
  readonly #bars = new Map<string, SingleBar>()
  readonly #plain = new Map<string, { text: string, atMs: number }>()
  #multiBar: MultiBar | undefined

  constructor (parts: LiveParts) {
    this.#output = parts.output
    this.#screen = parts.output.json || parts.output.quiet ? undefined : parts.screen
    this.#now = parts.now ?? (() => performance.now())
  }

  show (key: string, draw: DrawLine): void {
    if (this.#screen === undefined) this.#showPlain(key, draw)
    else this.#showBar(this.#screen, key, draw)
  }

  /** A note above the live lines. */
  note (message: string): void {
    if (this.#multiBar === undefined) this.#output.note(message)
    else this.#multiBar.log(`note: ${message}\n`)
  }

  /** Takes the live lines off the terminal; showing again starts anew. */
  clear (): void {
    // draws once more, so that no note is lost on the way
    this.#multiBar?.update()
    this.#multiBar?.stop()
    this.#multiBar = undefined
    this.#bars.clear()
    this.#plain.clear()
  }

  #showPlain (key: string, draw: DrawLine): void {
    const last = this.#plain.get(key)
    const nowMs = this.#now()
    if (last !== undefined && nowMs - last.atMs < PLAIN_INTERVAL_MS) return
    const text = draw()
    if (text === last?.text) return
    this.#plain.set(key, { text, atMs: nowMs })
    // the first one says nothing that the lines before it did not say
    if (last !== undefined) this.#output.line(text)
  }

  #showBar (screen: NodeJS.WritableStream, key: string, draw: DrawLine): void {
    const columns = 'columns' in screen && typeof screen.columns === 'number' ? screen.columns : DEFAULT_COLUMNS
    // The screen is redrawn by lines: none may take two.
    const text = cutToColumns(draw(columns), columns)
    const bar = this.#bars.get(key)
    if (bar !== undefined) {
      bar.update({ text })
      return
    }
    this.#multiBar ??= new MultiBar({
      stream: screen,
      format: (_options, _params, payload: { text?: string }) => payload.text ?? '',
      fps: REDRAWS_PER_SEC,
      clearOnComplete: true,
      stopOnComplete: false,
      hideCursor: null,
      // the terminal goes on to wrap: a long note is not cut, and a process that is killed leaves nothing to put right
      linewrap: true,
      // a note shifts the lines down: what did not change has to be drawn again too
      forceRedraw: true,
      // signals are main.ts's business
      gracefulExit: false
    })
    this.#bars.set(key, this.#multiBar.create(1, 0, { text }))
  }
}

import { WAIT_COUNT_MS, WAIT_NOTE_MS } from '../defaults.ts'
import { unheldCount } from './sources.ts'
import type { PullState } from './sources.ts'

/** What a pull waits for; a change of kind is told anew, a change of number is not. */
interface Wait {
  readonly kind: 'peer' | 'tree' | 'blocks' | 'delivery'
  readonly words: string
}

export interface WaitNotesParts {
  state: () => PullState
  giveUpMs: number
  note: (message: string) => void
}

/** Says once what a pull waits for when nothing has come for a while, and again when that is another thing. */
export class WaitNotes {
  readonly #parts: WaitNotesParts
  #told: Wait['kind'] | undefined
  /** The silence when it was last counted who holds what is missing. */
  #countedAtMs: number | undefined

  constructor (parts: WaitNotesParts) {
    this.#parts = parts
  }

  /** To be called now and then with the time since the last verified byte. */
  onLook (quietMs: number): void {
    const { state, giveUpMs, note } = this.#parts
    if (quietMs < Math.min(WAIT_NOTE_MS, giveUpMs / 2)) {
      this.#told = this.#countedAtMs = undefined
      return
    }
    const wait = this.#waitOf(state(), quietMs)
    if (wait === undefined || wait.kind === this.#told) return
    this.#told = wait.kind
    note(wait.words)
  }

  /** Undefined when nothing is missing, files are being completed; and when it is not yet time to count again. */
  #waitOf (state: PullState, quietMs: number): Wait | undefined {
    const { target, search, swarm: { sessions } } = state
    const missing = target === undefined ? 0 : target.wanted.count - target.held.count
    const what = target === undefined ? 'the tree of the model' : `${missing} of ${target.wanted.count} blocks`
    if (target !== undefined && missing === 0) return undefined
    if (sessions.size === 0) {
      return { kind: 'peer', words: `Waiting for ${what}: no peer is connected (${triedWords(search)})` }
    }
    const peers = `the ${sessions.size} connected peer${sessions.size === 1 ? '' : 's'}`
    if (target === undefined) return { kind: 'tree', words: `Waiting for ${what}: ${peers} sent nothing of it yet` }
    const pauseMs = Math.min(WAIT_COUNT_MS, this.#parts.giveUpMs / 4)
    if (this.#countedAtMs !== undefined && quietMs - this.#countedAtMs < pauseMs) return undefined
    this.#countedAtMs = quietMs
    const unheld = unheldCount(state)
    if (unheld > 0) {
      const which = unheld === missing ? 'any' : unheld
      return { kind: 'blocks', words: `Waiting for ${what}: nobody connected has ${which} of them` }
    }
    return { kind: 'delivery', words: `Waiting for ${what}: ${peers} could give them and sent nothing lately` }
  }
}

function triedWords (search: PullState['search']): string {
  if (search.tried === 0) return 'no address is known'
  const strangers = search.report().filter(({ trouble: { kind } }) => kind === 'unknownRoot').length
  const ofThem = strangers === 0 ? '' : `, ${strangers} of them without this root`
  return `${search.tried} known${ofThem}, tried again with growing pauses`
}

import { WAIT_NOTE_MS } from '../defaults.ts'
import { connectedSources, unheldCount } from './sources.ts'
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

  constructor (parts: WaitNotesParts) {
    this.#parts = parts
  }

  /** To be called now and then with the time since the last verified byte. */
  onLook (quietMs: number): void {
    if (quietMs < Math.min(WAIT_NOTE_MS, this.#parts.giveUpMs / 2)) {
      this.#told = undefined
      return
    }
    const wait = waitOf(this.#parts.state())
    if (wait === undefined || wait.kind === this.#told) return
    this.#told = wait.kind
    this.#parts.note(wait.words)
  }
}

/** Undefined when nothing is missing: files are being completed. */
function waitOf (state: PullState): Wait | undefined {
  const { target, search } = state
  const connected = connectedSources(state)
  const missing = target === undefined ? 0 : target.wanted.count - target.held.count
  const what = target === undefined ? 'the tree of the model' : `${missing} of ${target.wanted.count} blocks`
  if (target !== undefined && missing === 0) return undefined
  if (connected.length === 0) {
    const tried = search.tried === 0 ? 'no address is known' : `${search.tried} known, tried again with growing pauses`
    return { kind: 'peer', words: `Waiting for ${what}: no peer is connected (${tried})` }
  }
  const peers = `the ${connected.length} connected peer${connected.length === 1 ? '' : 's'}`
  if (target === undefined) return { kind: 'tree', words: `Waiting for ${what}: ${peers} sent nothing of it yet` }
  const unheld = unheldCount(state)
  if (unheld > 0) {
    const which = unheld === missing ? 'any' : unheld
    return { kind: 'blocks', words: `Waiting for ${what}: nobody connected has ${which} of them` }
  }
  return { kind: 'delivery', words: `Waiting for ${what}: ${peers} could give them and sent nothing lately` }
}

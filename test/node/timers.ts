// Which timers of this process run on, and who made them: Node tells their kind, and only async_hooks where they began.
import { createHook } from 'node:async_hooks'

/** Deeper than the frames of Node and of the hook that come before whoever made a timer. */
const FRAMES = 20

/** Watches the timers that are made until `stop`. */
export class TimerWatch {
  /** By async id: the frames below Node's own, whoever made the timer first. */
  readonly #madeAt = new Map<number, readonly string[]>()
  readonly #hook = createHook({
    init: (id, type) => {
      if (type === 'Timeout') this.#madeAt.set(id, makersOf(framesHere()))
    },
    destroy: id => { this.#madeAt.delete(id) }
  })

  start (): void {
    this.#hook.enable()
  }

  stop (): void {
    this.#hook.disable()
  }

  /** Where those began that run on and that a file under this folder of the project made: frames, last call first. */
  left (folder: string): string[] {
    const root = new URL(`../../${folder}/`, import.meta.url).pathname
    return [...this.#madeAt.values()].filter(([maker = '']) => maker.includes(root))
      .map(frames => frames.filter(frame => frame.includes(root)).join(', '))
  }
}

function framesHere (): string[] {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  const { stack = '' } = new Error('where a timer is made')
  Error.stackTraceLimit = limit
  return stack.split('\n').slice(1).filter(frame => !frame.includes(import.meta.filename))
}

function makersOf (frames: readonly string[]): string[] {
  // It cannot be cleared, keeps neither the process nor its signal, and is gone with it.
  if (frames.some(frame => frame.includes('at AbortSignal.timeout '))) return []
  return frames.filter(frame => !/[( ]node:/.test(frame)).map(frame => frame.trim())
}

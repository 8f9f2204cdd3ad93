import { PARALLEL_SYNCS } from '../machine-defaults.ts'
import type { OpenPartFiles } from './target-port.ts'
import type { WantedFile } from './wanted-file.ts'

/**
 * Gives files without missing blocks their final names, in the background and after an fdatasync, so that not even a
 * power cut leaves a file with holes under its final name. Who reads a file goes through `reading`, which the rename
 * waits for.
 */
export class Finisher {
  readonly #partFiles: OpenPartFiles
  readonly #lanes: Promise<void>[] = Array.from({ length: PARALLEL_SYNCS }, async () => {})
  readonly #readers = new Map<WantedFile, Readers>()
  readonly #renaming = new Map<WantedFile, Promise<void>>()
  #added = 0
  #failure: unknown

  constructor (partFiles: OpenPartFiles) {
    this.#partFiles = partFiles
  }

  /** Queues a file; its failure shows at the next `check`. */
  add (wanted: WantedFile): void {
    const lane = this.#added++ % PARALLEL_SYNCS
    this.#lanes[lane] = (this.#lanes[lane] ?? Promise.resolve()).then(async () => {
      try {
        await this.#finish(wanted)
      } catch (err) {
        this.#failure ??= err
      }
    })
  }

  /** Throws what finishing a file has thrown, as long as this object lives: such a file never gets its final name. */
  check (): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Resolves when nothing is queued any more; never throws. */
  async settled (): Promise<void> {
    const added = this.#added
    await Promise.all(this.#lanes)
    if (this.#added !== added) await this.settled()
  }

  /** Runs `act` while the file keeps its name. */
  async reading<T> (wanted: WantedFile, act: () => Promise<T>): Promise<T> {
    for (let renaming = this.#renaming.get(wanted); renaming !== undefined; renaming = this.#renaming.get(wanted)) {
      await renaming
    }
    const readers: Readers = this.#readers.get(wanted) ?? { count: 0, onIdle: [] }
    this.#readers.set(wanted, readers)
    readers.count++
    try {
      return await act()
    } finally {
      readers.count--
      if (readers.count === 0) {
        this.#readers.delete(wanted)
        for (const tell of readers.onIdle) tell()
      }
    }
  }

  async #finish (wanted: WantedFile): Promise<void> {
    await this.#partFiles.sync(wanted)
    const renaming = this.#rename(wanted)
    // Set before #rename reaches its first await that lets others run: who comes now waits.
    this.#renaming.set(wanted, renaming.catch(() => {}))
    try {
      await renaming
    } finally {
      this.#renaming.delete(wanted)
    }
  }

  async #rename (wanted: WantedFile): Promise<void> {
    const readers = this.#readers.get(wanted)
    if (readers !== undefined) await new Promise<void>(resolve => { readers.onIdle.push(resolve) })
    // Somebody else may have replaced or cut it.
    await this.#partFiles.identity(wanted)
    wanted.final = await this.#partFiles.putInPlace(wanted)
    wanted.state = 'complete'
    this.#partFiles.drop(wanted)
  }
}

interface Readers {
  count: number
  readonly onIdle: (() => void)[]
}

import { Bitfield } from '../model/bitfield.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import type { HoldingsMessage } from '../wire/messages.ts'

/** What a peer said that it holds, kept until our manifest tells how to read it. */
export class SaidHoldings {
  #said: HoldingsMessage | undefined
  /** Blocks announced before they can be entered anywhere. */
  #early: number[] = []

  /** Kept; false when holdings had been said before. */
  say (message: HoldingsMessage): boolean {
    if (this.#said !== undefined) return false
    this.#said = message
    return true
  }

  /** False when more is announced than anybody needs to before the holdings are read. */
  announce (indexes: readonly number[]): boolean {
    if (this.#early.length + indexes.length > WIRE_LIMITS.blocks / 16) return false
    this.#early.push(...indexes)
    return true
  }

  /**
   * What they hold and will never want, of a model of so many blocks; what was announced meanwhile is in it.
   *
   * @returns undefined when nothing was said yet
   * @throws RangeError when what they said does not fit the model
   */
  read (blockCount: number): { holdings: Bitfield, unwanted: Bitfield | undefined } | undefined {
    const said = this.#said
    if (said === undefined) return undefined
    if (said.blocks !== blockCount) {
      throw new RangeError(`Peer speaks of ${said.blocks} blocks; the tree has ${blockCount}`)
    }
    const holdings = said.bits.byteLength === 0 ? new Bitfield(blockCount) : Bitfield.fromBytes(said.bits, blockCount)
    if (said.all) holdings.fill()
    const unwanted = said.unwanted.byteLength === 0 ? undefined : Bitfield.fromBytes(said.unwanted, blockCount)
    for (const index of this.#early) if (index < blockCount) holdings.add(index)
    this.#early = []
    return { holdings, unwanted }
  }
}

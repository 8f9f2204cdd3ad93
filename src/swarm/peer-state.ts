import { Bitfield } from '../model/bitfield.ts'
import { WIRE_LIMITS } from '../wire/limits.ts'
import { Feature, Mode, modeOf } from '../wire/protocol.ts'
import type { HelloMessage, HoldingsMessage } from '../wire/messages.ts'

/** What a peer has said of itself. What it holds is kept until our manifest tells how to read it. */
export class PeerState {
  /** How it serves blocks. */
  mode: Mode = Mode.open
  /** Its tree can be asked for. */
  hasTree = false
  /** It asked to be told of other peers. */
  wantsPeers = false
  /** What it holds; undefined until it said so and our manifest is known. */
  holdings: Bitfield | undefined
  /** What it will never want. */
  unwanted: Bitfield | undefined
  /** Kept until it is read: the bits are changed by what is announced meanwhile. */
  #said: HoldingsMessage | undefined
  #hasSaid = false
  /** Blocks announced before it said what it holds. */
  #early: number[] = []

  /** True unless it said that it has everything it wants. */
  get lacksBlocks (): boolean {
    const { holdings, unwanted } = this
    return holdings === undefined || holdings.count + (unwanted?.count ?? 0) < holdings.length
  }

  onHello (hello: HelloMessage): void {
    this.mode = modeOf(hello.mode)
    this.hasTree = hello.tree
    this.wantsPeers = (hello.features & Feature.wantsPeers) !== 0
  }

  /** Memory that what it said takes until our manifest is known. */
  get unreadBytes (): number {
    return this.#said === undefined ? 0 : this.#said.bits.byteLength + this.#said.unwanted.byteLength
  }

  /** @throws RangeError when holdings had been said before, or bits are not as many as there are blocks */
  onHoldings (message: HoldingsMessage): void {
    if (this.#hasSaid) throw new RangeError('Peer sent its holdings twice')
    const { blocks, all, unwanted } = message
    const bytes = Math.ceil(blocks / 8)
    const bits = message.bits.byteLength === 0 && !all ? new Uint8Array(bytes) : message.bits
    for (const { byteLength } of [bits, unwanted]) {
      if (byteLength !== 0 && byteLength !== bytes) throw new RangeError(`Peer sent ${byteLength} bytes for ${blocks} bits`)
    }
    this.#hasSaid = true
    this.#said = { ...message, bits }
    this.hasTree = true
    const early = this.#early
    this.#early = []
    this.onEarlyHave(early)
  }

  /**
   * Before the holdings are read.
   *
   * @throws RangeError when a block is not of the model, or much is announced before it said what it holds
   */
  onEarlyHave (indexes: readonly number[]): void {
    const said = this.#said
    if (said === undefined) {
      if (this.#early.length + indexes.length > WIRE_LIMITS.earlyIndexes) {
        throw new RangeError('Peer announces blocks without saying what it holds')
      }
      this.#early.push(...indexes)
      return
    }
    for (const index of indexes) {
      if (index >= said.blocks) throw new RangeError(`Peer announced block ${index} of ${said.blocks}`)
      if (!said.all) said.bits[index >>> 3] = (said.bits[index >>> 3] ?? 0) | (1 << (index & 7))
    }
  }

  /**
   * Reads what it holds and will never want, of a model of so many blocks; what was announced meanwhile is in it. Does
   * nothing when it has said nothing yet, or this was done before.
   *
   * @throws RangeError when what it said does not fit the model
   */
  readHoldings (blockCount: number): void {
    const said = this.#said
    if (said === undefined) return
    if (said.blocks !== blockCount) {
      throw new RangeError(`Peer speaks of ${said.blocks} blocks; the tree has ${blockCount}`)
    }
    const holdings = said.bits.byteLength === 0 ? new Bitfield(blockCount) : Bitfield.fromBytes(said.bits, blockCount)
    if (said.all) holdings.fill()
    this.unwanted = said.unwanted.byteLength === 0 ? undefined : Bitfield.fromBytes(said.unwanted, blockCount)
    this.#said = undefined
    this.holdings = holdings
  }
}

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
  #said: HoldingsMessage | undefined
  /** Blocks announced before they can be entered anywhere. */
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

  /** False when holdings had been said before. */
  onHoldings (message: HoldingsMessage): boolean {
    if (this.#said !== undefined) return false
    this.#said = message
    this.hasTree = true
    return true
  }

  /** Before the holdings are read. False when more is announced than anybody needs to by then. */
  onEarlyHave (indexes: readonly number[]): boolean {
    if (this.#early.length + indexes.length > WIRE_LIMITS.blocks / 16) return false
    this.#early.push(...indexes)
    return true
  }

  /**
   * Reads what it holds and will never want, of a model of so many blocks; what was announced meanwhile is in it. Does
   * nothing when it has said nothing yet, or this was done before.
   *
   * @throws RangeError when what it said does not fit the model
   */
  readHoldings (blockCount: number): void {
    const said = this.#said
    if (said === undefined || this.holdings !== undefined) return
    if (said.blocks !== blockCount) {
      throw new RangeError(`Peer speaks of ${said.blocks} blocks; the tree has ${blockCount}`)
    }
    const holdings = said.bits.byteLength === 0 ? new Bitfield(blockCount) : Bitfield.fromBytes(said.bits, blockCount)
    if (said.all) holdings.fill()
    this.unwanted = said.unwanted.byteLength === 0 ? undefined : Bitfield.fromBytes(said.unwanted, blockCount)
    for (const index of this.#early) if (index < blockCount) holdings.add(index)
    this.#early = []
    this.holdings = holdings
  }
}

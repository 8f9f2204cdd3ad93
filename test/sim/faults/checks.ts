import { FIRST_GRANT_BYTES, LIFE_BYTES, SEND_BUDGET_BYTES, SILENT_SOURCE_MS } from '../../../src/defaults.ts'
import { isModelswarmError } from '../../../src/errors.ts'
import { Bitfield } from '../../../src/model/bitfield.ts'
import { Answers } from './answers.ts'
import type { Line, LineEnd } from './line.ts'
import type { Machine } from './machine.ts'
import type { PeerProcess } from './peer.ts'
import type { World } from './world.ts'
import type { HeldRecord } from '../../../src/files/held-record.ts'
import type { Session } from '../../../src/swarm/session.ts'
import type { Message } from '../../../src/wire/messages.ts'

/** What is held against the promises while a run goes on and at its end. */
export class Checks {
  readonly #world: World
  readonly #answers = new Map<Line, Answers>()
  /** Bytes read for sending and not sent, by process; forgotten when a session ends, for what it drops is not told. */
  readonly #ahead = new Map<PeerProcess, number>()
  /** Sessions whose peer sent wrong bytes. */
  readonly #mustEnd = new Set<Session>()
  /** Payload of blocks that publishers sent. */
  #sentByPublishers = 0

  constructor (world: World) {
    this.#world = world
  }

  /** A frame leaves an honest peer. */
  onSend (
    from: PeerProcess, line: Line, sent: { to: string, message: Message, payload: Uint8Array | undefined }
  ): void {
    const { model, trace } = this.#world
    const { to, message, payload } = sent
    if (message.type === 'have') for (const block of message.indexes) this.#mustLie(from, block, 'announced')
    if (message.type === 'holdings' && from.target !== undefined) {
      const { all, bits, blocks } = message
      const known = bits.byteLength > 0 ? Bitfield.fromBytes(bits, blocks) : new Bitfield(blocks)
      const said = all ? from.target.held : known
      for (const block of said.indexes()) this.#mustLie(from, block, 'said to be held')
    }
    if (message.type === 'block' && payload !== undefined && message.cid === undefined) {
      if (!model.isRight(message.index, payload)) trace.fail('I10', from.id, `sent wrong bytes for block ${message.index}`)
      this.#ahead.set(from, Math.max(0, (this.#ahead.get(from) ?? 0) - payload.byteLength))
      if (from.machine.role === 'publisher') this.#sentByPublishers += payload.byteLength
    }
    this.onFrame(from.id, line, { to, message })
  }

  /** A frame leaves anybody. */
  onFrame (from: string, line: Line, sent: { to: string, message: Message }): void {
    const { model, trace, machines } = this.#world
    const answers = this.#answers.get(line) ?? new Answers(block => model.manifest.sizeBytes(block))
    this.#answers.set(line, answers)
    const wrong = answers.onSend(from, sent.to, sent.message)
    if (wrong !== undefined && machines.has(from)) trace.fail('asked', from, wrong)
  }

  /** A block is being read for a peer; or, with fewer bytes than none, could not be. */
  onReadAhead (process: PeerProcess, bytes: number): void {
    const ahead = Math.max(0, (this.#ahead.get(process) ?? 0) + bytes)
    this.#ahead.set(process, ahead)
    const most = SEND_BUDGET_BYTES + (process.swarm.sessions.size + 1) * this.#world.model.manifest.maxBlockBytes
    if (ahead > most) this.#world.trace.fail('I11', process.id, `${ahead} bytes are read ahead, at most ${most} may be`)
  }

  onWrongBytes (session: Session): void {
    this.#mustEnd.add(session)
  }

  onSessionEnd (process: PeerProcess, session: Session, err: Error | undefined): void {
    this.#ahead.delete(process)
    if (!this.#world.machines.has(session.peerId)) return
    if (!isModelswarmError(err, 'ERR_PROTOCOL', 'ERR_BAD_BLOCK', 'ERR_BAD_FRAME')) return
    this.#world.trace.fail('I5', process.id, `blames ${session.peerId}, which is honest: ${err.message}`)
  }

  /** A pull has looked at what an earlier one left. */
  onOpened (process: PeerProcess, record: HeldRecord | undefined): void {
    const { held } = process.target ?? {}
    if (held === undefined) return
    for (const block of held.indexes()) this.#mustLie(process, block, 'held after opening')
    for (const block of record?.trusted.indexes() ?? []) {
      if (!held.has(block) && this.#isWanted(process, block) && this.#liesRight(process, block)) {
        this.#world.trace.fail('I2', process.id, `block ${block} was recorded, is there, and is not held after opening`)
      }
    }
  }

  /** Everything has been quiet for a while: what was asked for has been answered. */
  onQuiet (): void {
    for (const [line, answers] of this.#answers) {
      if (line.isCut || line.isIdle || ![line.from, line.to].every(end => this.#isQuiet(end))) continue
      for (const wrong of answers.unanswered()) this.#world.trace.fail('answered', 'somebody', wrong)
    }
    for (const session of this.#mustEnd) {
      if (!session.isEnded) this.#world.trace.fail('I5', 'somebody', `${session.peerId} sent wrong bytes and was not dropped`)
    }
  }

  /** A pull ended with an error: it is the truth. */
  onFailed (machine: Machine, process: PeerProcess, err: unknown): void {
    const { trace, clock, healedAt } = this.#world
    if (isModelswarmError(err, 'ERR_DISK', 'ERR_NO_SPACE') && (trace.counts.has('disk refuses a write') ||
      trace.counts.has('disk refuses a sync') || trace.counts.has('disk refuses a state') ||
      trace.counts.has('disk refuses a read'))) return
    if (!isModelswarmError(err, 'ERR_GAVE_UP')) {
      return trace.fail('truth', machine.id, `the pull ended with ${err instanceof Error ? (err.stack ?? err.message).split('\n').slice(0, 3).join(' ') : 'nothing'}`)
    }
    const { target } = process
    if (target === undefined) return
    const missing = [...target.wanted.indexes()].filter(block => !target.held.has(block))
    if (!err.message.includes(`${missing.length} of ${target.wanted.count} blocks are missing`)) {
      trace.fail('truth', machine.id, `${missing.length} of ${target.wanted.count} are missing, but it says: ${err.message}`)
    }
    const sinceMs = clock.now() - 100_000
    if (healedAt > sinceMs) return
    for (const other of this.#world.machines.values()) {
      const { process: holder } = other
      if (other === machine || holder === undefined || holder.isOver || holder.startedAt > sinceMs) continue
      // A link so thin that its share for each is less than a sign of life: nobody is promised anything.
      const shareMs = other.plan.rates.upBytesPerMs / this.#world.machines.size
      if (shareMs < LIFE_BYTES / SILENT_SOURCE_MS) continue
      const block = missing.find(block => holder.swarm.held?.has(block))
      if (block !== undefined && other.open !== 'never') {
        trace.fail('live', machine.id, `gave up though ${other.id} holds block ${block}: ${err.message}`)
      }
    }
  }

  /** Where nothing went wrong, and one publisher gives what it must: how many copies left it. */
  checkCopies (): void {
    const { plan, model, trace } = this.#world
    const publishers = plan.machines.filter(({ role }) => role === 'publisher')
    if (plan.faults.length > 0 || plan.liars.length > 0 || publishers.length > 1 || publishers[0]?.open === 'always') return
    const { blockCount, distinctBytes } = model.manifest
    const copies = this.#sentByPublishers / distinctBytes
    const pullers = plan.machines.filter(({ role }) => role === 'puller').length
    // Loose, for a publisher may be much faster than the swarm, which carries a third of the rest at least, and of a
    // few blocks each puller may have two that were not worth a wait.
    // Each may take all from the publisher when one grant covers it (the others find its blocks in nobody's hands yet),
    // and when one may leave before the next comes.
    const isAlone = distinctBytes <= FIRST_GRANT_BYTES || plan.machines.some(machine => machine.leavesWhenComplete)
    const most = (isAlone ? pullers : 1 + (pullers - 1) * 2 / 3) + 2 * pullers / blockCount
    trace.say('pub0', () => `sent ${copies.toFixed(3)} copies`)
    if (copies > most) trace.fail('copies', 'pub0', `sent ${copies.toFixed(2)} copies to ${pullers}, at most ${most.toFixed(2)}`)
  }

  /** At the end: complete and exact, or it has said why not. */
  checkComplete (machine: Machine): void {
    const { trace, model } = this.#world
    if (!machine.isComplete) {
      if (machine.error === undefined) trace.fail('live', machine.id, 'is neither complete nor has it said why not')
      return
    }
    for (const file of model.manifest.files) {
      if (!machine.isWanted(file)) continue
      const found = machine.disk.files.get(file.path)
      if (found?.isFinal !== true) trace.fail('exact', machine.id, `${file.path} has not its final name`)
      for (let slot = file.firstSlot; slot < file.firstSlot + file.slotCount; slot++) {
        const bytes = found?.memory.get(model.manifest.offsetOfSlot(slot))
        if (bytes === undefined || !model.isRight(model.manifest.blockOfSlot(slot), bytes)) {
          trace.fail('exact', machine.id, `slot ${slot} of ${file.path} is wrong in a complete file`)
          return
        }
      }
    }
  }

  /** An honest process that runs, with nothing left to send. */
  #isQuiet (end: LineEnd): boolean {
    const { machines, lines } = this.#world
    if (machines.get(end.id)?.process !== end || machines.get(end.id)?.process?.isOver !== false) return false
    return [...lines].every(line => (line.from !== end && line.to !== end) || line.isCut || line.isQuiet)
  }

  #mustLie (process: PeerProcess, block: number, what: string): void {
    if (process.machine.role !== 'puller' || this.#liesRight(process, block)) return
    this.#world.trace.fail('I2', process.id, `block ${block} is ${what} and is not on the disk`)
  }

  #isWanted (process: PeerProcess, block: number): boolean {
    return [...this.#world.model.manifest.places(block)].some(({ file }) => process.machine.isWanted(file))
  }

  #liesRight (process: PeerProcess, block: number): boolean {
    const { model } = this.#world
    for (const { file, offset } of model.manifest.places(block)) {
      if (!process.machine.isWanted(file)) continue
      const bytes = process.mount.at(file.path, offset)
      if (bytes === undefined || !model.isRight(block, bytes)) return false
    }
    return true
  }
}

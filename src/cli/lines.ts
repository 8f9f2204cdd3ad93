import { formatBytes, formatCount, formatRate, formatSeconds, formatShare, formatTimeLeft } from './units.ts'
import type { PullDone, PullEvent, PullProgress, SwarmState } from '../index.ts'

const MAX_BAR_WIDTH = 30
const MIN_BAR_WIDTH = 10
const FULL = '█'
const EMPTY = '░'

/**
 * One line of a pull under way, the most important first; shares are of what is here so far, as the last line's are of
 * all. On a terminal it begins with a bar and what does not fit
 * into `columns` is left out from the end; without `columns` it is plain text without a bar.
 */
export function pullLine (event: PullProgress, columns?: number): string {
  const { from } = event
  if (event.checkedBytes !== undefined) {
    const found = `${formatBytes(event.bytes)} of ${formatBytes(event.total)}`
    return barLine(event.bytes, event.total, [found, 'checking what is already here'], columns)
  }
  const isOnlyCopied = from.local > 0 && from.peers === 0 && event.peers === 0
  const facts = [
    `${formatBytes(event.bytes)} of ${formatBytes(event.total)}`,
    formatRate(event.rateInBytesPerSec),
    ...(event.secondsLeft === undefined || event.bytes >= event.total ? [] : [`${formatTimeLeft(event.secondsLeft)} left`]),
    ...(isOnlyCopied ? [] : [formatCount(event.peers, 'peer')]),
    ...(from.peers > 0 ? [`${formatShare(event.fromPublisher, event.bytes)} from the publisher`] : []),
    ...(from.local > 0 ? [`${formatShare(from.local, event.bytes)} copied on this machine`] : [])
  ]
  return barLine(event.bytes, event.total, facts, columns)
}

/**
 * One line of a model being served: how far the others have come and what that has cost us. `hadPeers` when some were
 * there before.
 */
export function swarmLine (state: SwarmState, columns?: number, hadPeers: boolean = false): string {
  if (state.peers === 0) {
    return fit([`${hadPeers ? 'no peers now' : 'no peers yet'}, ${sentFact(state)}`], columns)
  }
  const facts = [
    formatCount(state.peers, 'peer') + (state.seeders > 0 ? ` (${state.seeders} complete)` : ''),
    sentFact(state)
  ]
  return barLine(state.complete, 1, facts, columns)
}

/** What a pull is about to fetch. */
export function resolvedLine (event: Extract<PullEvent, { type: 'resolved' }>): string {
  const { files, bytes, blocks, wantedFiles, wantedBytes } = event
  if (wantedFiles === files) return `${formatBytes(bytes)} in ${formatCount(files, 'file')}, ${formatCount(blocks, 'block')}`
  return `${formatBytes(wantedBytes)} in ${wantedFiles} of ${formatCount(files, 'file')}, of ${formatBytes(bytes)} in all`
}

/** One line of hashing under way. */
export function hashLine (done: { bytes: number, total: number, what: string }, columns?: number): string {
  return barLine(done.bytes, done.total, [`${formatBytes(done.bytes)} of ${formatBytes(done.total)}`, done.what], columns)
}

/** The last line of a pull: where the bytes came from. Shares are of the whole model. */
export function doneLine (done: Pick<PullDone, 'bytes' | 'seconds' | 'held' | 'from' | 'fromPublisher'>): string {
  const took = `done: ${formatBytes(done.bytes)} in ${formatSeconds(done.seconds)}`
  if (done.bytes > 0 && done.held === done.bytes) return `${took}: all of it was already here`
  const share = (bytes: number): string => formatShare(bytes, done.bytes)
  const places: string[] = []
  if (done.from.peers > 0) {
    places.push(`${share(done.fromPublisher)} from the publisher`)
    if (done.fromPublisher < done.from.peers) places.push(`${share(done.from.peers - done.fromPublisher)} from other peers`)
  }
  if (done.from.origins > 0) places.push(`${share(done.from.origins)} from origins`)
  if (done.from.local > 0) places.push(`${share(done.from.local)} copied on this machine`)
  if (done.held > 0) places.push(`${share(done.held)} already here`)
  return places.length === 0 ? took : `${took}: ${places.join(', ')}`
}

/** What a whole run sent: `sent 1.20 GiB (1.20 copies)`. */
function sentFact (state: SwarmState): string {
  return `sent ${formatBytes(state.sentBytes)} (${state.copiesSent.toFixed(2)} copies)`
}

function barLine (part: number, whole: number, facts: readonly string[], columns?: number): string {
  const share = formatShare(part, whole)
  if (columns === undefined) return [share, ...facts].join(', ')
  const left = columns - share.padStart(5).length - facts.join('  ').length - 5
  const width = Math.min(MAX_BAR_WIDTH, Math.max(MIN_BAR_WIDTH, left))
  const filled = whole > 0 ? Math.min(width, Math.floor(part / whole * width)) : 0
  return fit([`${FULL.repeat(filled)}${EMPTY.repeat(width - filled)} ${share.padStart(5)}`, ...facts], columns)
}

function fit (parts: readonly string[], columns = Infinity): string {
  let line = ''
  for (const part of parts) {
    const longer = line === '' ? part : `${line}  ${part}`
    // one column stays free: a terminal wraps when its last one is written
    if (longer.length >= columns) break
    line = longer
  }
  return line
}

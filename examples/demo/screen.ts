import { MultiBar } from 'cli-progress'
import { formatMib } from './report.ts'
import type { SingleBar } from 'cli-progress'

const BAR_WIDTH = 40
const PLAIN_INTERVAL_MS = 1000
const FULL_BLOCK = '█'
const EMPTY_BLOCK = '░'
const FROM_PUBLISHER = '36'
const FROM_PEERS = '32'

/** How far one peer is. */
export interface PeerState {
  bytes: number
  total: number
  fromPublisher: number
  fromPeers: number
  rateBytesPerSec: number
  /** Set when it has everything. */
  seconds?: number
}

export interface Screen {
  update: (peers: readonly PeerState[]) => void
  end: () => void
}

/** A block that is redrawn, one bar for each peer and one for the publisher. */
export function createTerminalScreen (peerCount: number, hasColour: boolean): Screen {
  const multiBar = new MultiBar({
    format: (_options, _params, payload: { text?: string }) => payload.text ?? '',
    stream: process.stdout,
    gracefulExit: false,
    hideCursor: null,
    forceRedraw: true,
    clearOnComplete: true
  })
  const paint = (text: string, colour: string): string => hasColour && text !== '' ? `\x1b[${colour}m${text}\x1b[0m` : text
  process.stdout.write(`  ${paint(FULL_BLOCK, FROM_PUBLISHER)} from the publisher  ` +
    `${paint(FULL_BLOCK, FROM_PEERS)} from other peers\n\n`)
  const bars: SingleBar[] = []
  for (let i = 0; i <= peerCount; i++) bars.push(multiBar.create(1, 0, { text: '' }))
  const lines: string[] = []
  const show = (line: number, text: string): void => {
    lines[line] = text
    bars[line]?.update({ text })
  }
  return {
    update (peers) {
      show(0, `  publisher  ${publisherText(peers)}`)
      peers.forEach((peer, index) => {
        const first = blocks(peer.fromPublisher, peer.total)
        const second = blocks(peer.fromPublisher + peer.fromPeers, peer.total) - first
        const bar = paint(FULL_BLOCK.repeat(first), FROM_PUBLISHER) + paint(FULL_BLOCK.repeat(second), FROM_PEERS) +
          EMPTY_BLOCK.repeat(BAR_WIDTH - first - second)
        show(index + 1, `  peer ${index + 1}     ${bar}  ${peerText(peer)}`)
      })
    },
    end () {
      // What it leaves behind it cuts to the terminal's width, colours counted: the last lines are written here.
      multiBar.stop()
      process.stdout.write(`${lines.join('\n')}\n`)
    }
  }
}

/** One line now and then, where there is no terminal. */
export function createPlainScreen (write: (line: string) => void, now: () => number = () => performance.now()): Screen {
  let lastMs = -Infinity
  let lastText = ''
  let latest: readonly PeerState[] = []
  const say = (): void => {
    const text = `  publisher ${publisherText(latest)}; ` +
      latest.map((peer, index) => `peer ${index + 1}: ${percent(peer)}`).join(', ')
    if (text !== lastText) write(text)
    lastText = text
  }
  return {
    update (peers) {
      latest = peers
      if (now() - lastMs < PLAIN_INTERVAL_MS) return
      lastMs = now()
      say()
    },
    end () {
      if (latest.length > 0) say()
    }
  }
}

function publisherText (peers: readonly PeerState[]): string {
  const sent = peers.reduce((sum, peer) => sum + peer.fromPublisher, 0)
  const total = Math.max(...peers.map(peer => peer.total), 0)
  return `sent ${formatMib(sent)}, ${(total > 0 ? sent / total : 0).toFixed(2)} copies`
}

function peerText (peer: PeerState): string {
  if (peer.seconds !== undefined) return `${percent(peer)}  done in ${peer.seconds.toFixed(1)} s`
  return peer.rateBytesPerSec > 0 ? `${percent(peer)}  ${formatMib(peer.rateBytesPerSec)}/s` : percent(peer)
}

function percent (peer: PeerState): string {
  return `${(peer.total > 0 ? Math.floor(peer.bytes / peer.total * 100) : 0).toString().padStart(3)} %`
}

function blocks (bytes: number, total: number): number {
  return total > 0 ? Math.min(BAR_WIDTH, Math.round(bytes / total * BAR_WIDTH)) : 0
}

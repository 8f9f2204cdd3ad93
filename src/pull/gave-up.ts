import { ModelswarmError } from '../errors.ts'
import { connectedSources } from './sources.ts'
import type { ConnectedSource, PullState } from './sources.ts'
import type { TriedSource, Trouble, TroubleKind } from '../swarm/trouble.ts'

/** Sources named in the line; the others are counted. */
const SHOWN = 3

/** What a trouble is called, and whether the source was reached at all; `other` is told as it was seen. */
const TROUBLES: Record<Exclude<TroubleKind, 'other'>, { words: string, isReached: boolean }> = {
  pending: { words: 'no answer yet', isReached: false },
  refused: { words: 'connection refused, nothing listens there', isReached: false },
  reset: { words: 'the connection was reset, as by a firewall or another service', isReached: false },
  noAnswer: { words: 'no answer', isReached: false },
  noRoute: { words: 'no route to it', isReached: false },
  noName: { words: 'the name does not resolve', isReached: false },
  closedAtOnce: { words: 'the connection was closed at once, as by another service or a full peer', isReached: false },
  notLibp2p: { words: 'something answers there that is not a libp2p node', isReached: false },
  mute: { words: 'it takes connections and never answers as a libp2p node does', isReached: false },
  undialable: { words: 'it cannot be dialled from here; TCP addresses can', isReached: false },
  otherPeer: { words: 'another peer answers there', isReached: true },
  otherLibp2p: { words: 'a libp2p node answers there, but not over Noise and yamux', isReached: true },
  otherVersion: { words: 'the peer answers, but does not speak this version of modelswarm', isReached: true },
  unknownRoot: { words: 'the peer does not know this root', isReached: true },
  full: { words: 'the peer has no room for another', isReached: true },
  lost: { words: 'it was there and is gone', isReached: true },
  wrongBytes: { words: 'it sent wrong bytes and was dropped', isReached: true },
  brokeProtocol: { words: 'it broke the protocol and was dropped', isReached: true }
}

/** The one line for a pull that ends because nothing came any more: what is missing, what was tried, what to check. */
export function gaveUp (seconds: number, at: PullState): ModelswarmError {
  const { target } = at
  const missing = target === undefined
    ? 'the tree is missing'
    : `${target.wanted.count - target.held.count} of ${target.wanted.count} blocks are missing`
  return new ModelswarmError('ERR_GAVE_UP', `Gave up after ${seconds} s without a verified byte: ${missing}; ${whyOf(at)}`)
}

function whyOf (at: PullState): string {
  const connected = connectedSources(at)
  const tried = at.search.report()
  const list = listOf([...connected.map(connectedWords), ...tried.map(triedWords)])
  if (connected.length > 0) return `${whyOfConnected(connected)} ${list}`
  if (tried.length === 0) {
    return 'no address of a peer is known; give one with --peer'
  }
  const reached = tried.filter(({ trouble }) => isReached(trouble)).length
  if (reached === tried.length) {
    return `no peer that was reached can give it ${list}; check the link, or ask another peer with --peer`
  }
  const what = reached === 0 ? 'no peer could be reached' : 'no peer could be reached that can give it'
  return `${what} ${list}; check the address and port, and that no firewall or NAT is in the way`
}

function whyOfConnected (connected: readonly ConnectedSource[]): string {
  const all = connected.length
  const unreadable = connected.filter(({ state }) => state === 'unreadable').length
  if (unreadable > 0) {
    return `${unreadable} of ${all} connected peers could not read their own files: ` +
      'they changed there since they were shared, or the disk fails, and must be shared again'
  }
  const able = connected.filter(source => isAble(source)).length
  if (able > 0) return `${able} of ${all} connected peers could give it and ${able === 1 ? 'sends' : 'send'} nothing`
  return `the ${all} connected peer${all === 1 ? ' has' : 's have'} nothing more to give`
}

function isAble ({ blocks, hasTree }: ConnectedSource): boolean {
  return blocks === undefined ? hasTree : blocks > 0
}

function connectedWords ({ name, state, blocks, hasTree }: ConnectedSource): string {
  if (state === 'unreadable') return `${name}: cannot read its files`
  if (blocks === undefined) return `${name}: ${hasTree ? 'has the tree' : 'has not said what it has'}`
  return `${name}: has ${blocks === 0 ? 'none' : blocks} of them`
}

function triedWords ({ name, trouble }: TriedSource): string {
  if (trouble.kind === 'other') return `${name}: ${trouble.seen === '' ? 'failed' : trouble.seen}`
  return `${name}: ${TROUBLES[trouble.kind].words}`
}

function isReached ({ kind }: Trouble): boolean {
  return kind === 'other' || TROUBLES[kind].isReached
}

function listOf (sources: readonly string[]): string {
  const more = sources.length > SHOWN ? `; and ${sources.length - SHOWN} more` : ''
  return `(${sources.slice(0, SHOWN).join('; ')}${more})`
}

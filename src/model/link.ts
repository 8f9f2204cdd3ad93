import { CID } from 'multiformats/cid'
import { ModelswarmError } from '../errors.ts'
import { DAG_PB_CODEC, RAW_CODEC, SHA2_256 } from './block-id.ts'
import { escapeValue, unescapeValue } from './link-escape.ts'
import { shownText } from './shown-text.ts'

//   modelswarm:ROOT,name=NAME,at=ADDR,id=PEER,at=ADDR,id=PEER,...,base=ROOT,origin=ORIGIN
//   at= belongs to the id= before it, or to a peer whose id is not known; unknown keys are left for later versions.
//   Also read: ROOT, ipfs://ROOT, ipfs://ROOT/

/** Characters of a link, so that no shell, chat or URL parser breaks it. */
const LINK_CHARS = /^[A-Za-z0-9:._/@,=+~-]*$/
const MAX_LINK_CHARS = 400
/** Addresses in a link: it is read out and typed. */
export const MAX_LINK_ADDRS = 4
const SCHEME = 'modelswarm:'
const IPFS_SCHEME = 'ipfs://'
/** Peer ids are multihashes in base58 or CIDs in base32 or base36: 46 to 62 characters for the keys in use. */
const PEER_ID = /^[A-Za-z0-9]{32,128}$/
const EXAMPLE = 'modelswarm:bafy…,id=12D3KooW…,at=/ip4/192.0.2.1/tcp/4001'

/** What a link says: a root, and hints that save looking for it. */
export interface Link {
  /** CID v1. */
  readonly root: CID
  /** What the publisher calls the model; nothing is verified by it. */
  readonly name?: string
  readonly peers: readonly LinkPeer[]
  /** Root of the model this one was made from. */
  readonly base?: CID
  /** Central servers that have the model. */
  readonly origins?: readonly string[]
}

export interface LinkPeer {
  /** Absent when only addresses are known: at most one such peer, the first. */
  readonly id?: string
  /** Multiaddrs; may be none. At most four in a link. */
  readonly addrs: readonly string[]
}

/**
 * Reads a link, a bare CID or an ipfs:// URL. Peer ids and multiaddrs are checked by their looks only.
 *
 * @throws ModelswarmError ERR_BAD_LINK, in one line
 */
export function parseLink (text: string): Link {
  const link = text.trim()
  const fail = (why: string, cause?: unknown): ModelswarmError => new ModelswarmError('ERR_BAD_LINK',
    `Cannot read "${shownText(link)}" as a link: ${why}. A link looks like ${EXAMPLE}`, { cause })
  if (link.startsWith(IPFS_SCHEME)) return parseIpfs(link.slice(IPFS_SCHEME.length), fail)
  if (!link.startsWith(SCHEME)) return { root: parseRoot(link, fail), peers: [] }
  if (link.length > MAX_LINK_CHARS) throw fail(`it has ${link.length} characters, at most ${MAX_LINK_CHARS} are allowed`)
  if (!LINK_CHARS.test(link)) throw fail('it contains a character that no link has')
  const [root = '', ...pairs] = link.slice(SCHEME.length).split(',')
  return parsePairs(parseRoot(root, fail), pairs, fail)
}

/**
 * Writes a link of at most 400 characters and four addresses. What does not fit goes: the name first, then addresses
 * from the end, then origins, peer ids and the base. A name loses its control characters.
 */
export function formatLink (link: Link): string {
  const id = `${SCHEME}${link.root.toV1()}`
  const name = link.name?.replace(/[\p{Cc}\p{Cs}]/gu, '')
  const namePairs = name === undefined || name === '' ? [] : [`name=${escapeValue(name)}`]
  const basePairs = link.base === undefined ? [] : [`base=${link.base.toV1()}`]
  const origins = (link.origins ?? []).map(origin => `origin=${escapeValue(origin)}`)
  const peers = peerPairs(link.peers)
  const join = (): string => [id, ...namePairs, ...peers, ...basePairs, ...origins].join(',')
  const isAddr = (pair: string): boolean => pair.startsWith('at=')
  while (join().length > MAX_LINK_CHARS) {
    if (namePairs.pop() !== undefined) continue
    const lastAddr = peers.findLastIndex(isAddr)
    if (lastAddr !== -1) peers.splice(lastAddr, 1)
    else if (origins.pop() === undefined && peers.pop() === undefined) basePairs.pop()
  }
  return join()
}

type Fail = (why: string, cause?: unknown) => ModelswarmError

function parseIpfs (rest: string, fail: Fail): Link {
  const at = rest.search(/[/?#]/)
  const root = at === -1 ? rest : rest.slice(0, at)
  if (at !== -1 && rest.slice(at) !== '/') {
    throw fail('of an ipfs:// address only the root can be pulled; drop the rest, choose files with --include')
  }
  return { root: parseRoot(root, fail), peers: [] }
}

function parseRoot (text: string, fail: Fail): CID {
  // no CID of ours is longer than 60 characters in any base; keeps garbage away from the decoder
  if (text === '' || text.length > 128) throw fail('it does not begin with a root (a CID)')
  let cid: CID
  try {
    // Base32 in capitals (multibase B) says the same.
    cid = CID.parse(/^B[A-Z2-7]+$/.test(text) ? text.toLowerCase() : text).toV1()
  } catch (err) {
    // multiformats throws plain errors of many kinds; all mean: no CID
    throw fail(`"${shownText(text, 20)}" is no CID`, err)
  }
  if (cid.multihash.code !== SHA2_256) throw fail('its root is not named by sha2-256')
  if (cid.code !== DAG_PB_CODEC && cid.code !== RAW_CODEC) throw fail('its root is not a UnixFS file or folder')
  return cid
}

function parsePairs (root: CID, pairs: readonly string[], fail: Fail): Link {
  let name: string | undefined
  let base: CID | undefined
  const peers: { id?: string, addrs: string[] }[] = []
  const origins: string[] = []
  let addrCount = 0
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1) throw fail(`"${shownText(pair, 20)}" is no key=value`)
    const key = pair.slice(0, at)
    const value = unescapeValue(pair.slice(at + 1))
    if (value === undefined) throw fail(`the value of ${shownText(key, 20)} has a bad escape`)
    switch (key) {
      case 'name':
        if (name !== undefined) throw fail('it has two names')
        name = value
        break
      case 'id':
        if (!PEER_ID.test(value)) throw fail(`"${shownText(value, 20)}" is no peer id`)
        peers.push({ id: value, addrs: [] })
        break
      case 'at':
        if (!/^\/[^/]/.test(value)) throw fail(`"${shownText(value, 20)}" is no multiaddr`)
        if (++addrCount > MAX_LINK_ADDRS) throw fail(`it has more than ${MAX_LINK_ADDRS} addresses`)
        if (peers.length === 0) peers.push({ addrs: [] })
        peers[peers.length - 1]?.addrs.push(value)
        break
      case 'base':
        if (base !== undefined) throw fail('it has two bases')
        base = parseRoot(value, fail)
        break
      case 'origin':
        if (value === '') throw fail('an origin is empty')
        origins.push(value)
        break
      default:
    }
  }
  return {
    root,
    ...(name === undefined || name === '' ? {} : { name }),
    peers,
    ...(base === undefined ? {} : { base }),
    ...(origins.length === 0 ? {} : { origins })
  }
}

/** The peer without an id goes first: anywhere else its addresses would be those of the peer before it. */
function peerPairs (peers: readonly LinkPeer[]): string[] {
  const ordered = [...peers.filter(peer => peer.id === undefined), ...peers.filter(peer => peer.id !== undefined)]
  const pairs: string[] = []
  let addrCount = 0
  for (const { id, addrs } of ordered) {
    if (id !== undefined) pairs.push(`id=${escapeValue(id)}`)
    for (const addr of addrs) if (addrCount++ < MAX_LINK_ADDRS) pairs.push(`at=${escapeValue(addr)}`)
  }
  return pairs
}

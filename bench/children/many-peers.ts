// Many peers in one process: each a libp2p node of its own, in a session with one node, idle or asking.
import { CID } from 'multiformats/cid'
import { RawPeer } from '../../test/hostile/raw-peer.ts'
import { answer } from './answer.ts'
import type { RawSession } from '../../test/hostile/raw-peer.ts'

const peers: RawPeer[] = []
const sessions: RawSession[] = []

answer({
  /** So many more connections, each in a session about one of `roots`. `open` are those that stand. */
  connect: async asked => {
    const [count, addr, roots] = [asked.number('count'), asked.text('addr'), asked.text('roots').split(' ')]
    const failures: string[] = []
    for (let i = 0; i < count; i++) {
      const peer = await RawPeer.start()
      peers.push(peer)
      try {
        const session = await peer.meet(addr, CID.parse(roots[i % roots.length] ?? ''))
        // The publisher has nothing to choose for who has everything: it answers what is asked.
        session.hold(asked.number('blocks'), true)
        session.control.onMessage = message => {
          if (message.type === 'alive' && !message.answer) session.control.send({ type: 'alive', answer: true })
        }
        sessions.push(session)
      } catch (err) {
        failures.push(err instanceof Error ? err.message : 'failed')
      }
    }
    return { open: openNow(), failure: failures[0] ?? '' }
  },
  /** Every session asks for blocks until so many ms are over; `bytes` came. */
  ask: async asked => {
    const [blocks, blockBytes] = [asked.number('blocks'), asked.number('blockBytes')]
    const endAt = performance.now() + asked.number('ms')
    const before = received()
    await Promise.all(sessions.map(async (session, i) => {
      for (let block = i % blocks; performance.now() < endAt && !session.data.isEnded; block = (block + 1) % blocks) {
        const had = session.data.blocks
        session.control.send({ type: 'request', indexes: [block], cids: [] })
        while (session.data.blocks === had && performance.now() < endAt && !session.data.isEnded) {
          await new Promise(resolve => { setTimeout(resolve, 5) })
        }
      }
    }))
    return { bytes: (received() - before) * blockBytes, served: sessions.filter(({ data }) => data.blocks > 0).length }
  },
  /** Those that still stand. */
  open: async () => ({ open: openNow(), ended: sessions.filter(({ control }) => control.isEnded).length })
})

function received (): number {
  return sessions.reduce((sum, { data }) => sum + data.blocks, 0)
}

function openNow (): number {
  return peers.filter(peer => peer.isConnected).length
}

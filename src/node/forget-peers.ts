import { FORGET_PEERS_MS } from '../machine-defaults.ts'
import type { Clock } from '../swarm/ports.ts'
import type { Libp2p, PeerId } from '@libp2p/interface'

/**
 * Makes our own libp2p node forget peers that are not connected. It keeps 8 KiB of everybody it ever met or dialled,
 * until somebody asks for them again: fresh keys cost a stranger nothing. Who is to be dialled stands in swarm/search.
 *
 * @returns ends it
 */
export function forgetPeers (libp2p: Libp2p, clock: Clock): () => void {
  const forget = (peerId: PeerId): void => {
    if (libp2p.getConnections(peerId).length > 0) return
    libp2p.peerStore.delete(peerId).catch(() => { /* forgotten by the next look, or with the node */ })
  }
  const onDisconnect = ({ detail: peerId }: CustomEvent<PeerId>): void => { forget(peerId) }
  libp2p.addEventListener('peer:disconnect', onDisconnect)
  let cancel = (): void => {}
  // Who was dialled in vain never disconnects.
  const arm = (): void => {
    cancel = clock.setTimer(FORGET_PEERS_MS, () => {
      libp2p.peerStore.forEach(({ id }) => { forget(id) }).catch(() => { /* likewise */ })
      arm()
    })
  }
  arm()
  return () => {
    cancel()
    libp2p.removeEventListener('peer:disconnect', onDisconnect)
  }
}

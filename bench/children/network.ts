// The network between the nodes of a bench: one process that all their connections pass.
import { Relay } from '../network/relay.ts'
import { answer } from './answer.ts'

let relay: Relay | undefined

function opened (): Relay {
  if (relay === undefined) throw new Error('The network was not opened')
  return relay
}

answer({
  open: async asked => {
    relay = new Relay({ rttMs: asked.number('rttMs') })
    return {}
  },
  node: async asked => {
    const rate = asked.number('bytesPerSec')
    return { node: opened().addNode({ upBytesPerSec: rate, downBytesPerSec: rate }) }
  },
  door: async asked => {
    return { port: await opened().openDoor({ from: asked.number('from'), to: asked.number('to'), port: asked.number('port') }) }
  },
  carried: async asked => ({ ...opened().carried(asked.number('node')) })
})

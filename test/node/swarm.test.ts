import { describe, expect, it } from 'vitest'
import { CONTROL_PROTOCOL } from '../../src/wire/protocol.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import { addrOf, eventually, printsOf, someFiles, startNode, target, writeFiles } from './nodes.ts'
import { rawLibp2p } from './raw-libp2p.ts'

describe('a swarm of nodes', () => {
  it('finds all its peers through the publisher, which sends less than two copies to five of them', async () => {
    const publisher = await startNode()
    const dir = await writeFiles({ 'w.bin': noise(1, 12_000_000) })
    const model = await publisher.publish(dir)
    const pullers = await Promise.all(Array.from({ length: 5 }, async () => await startNode()))
    const outs = await Promise.all(pullers.map(async puller => {
      const out = await target()
      await puller.pull(model.link, out)
      return out
    }))
    const prints = await printsOf(dir)
    for (const out of outs) expect(await printsOf(out)).toEqual(prints)
    expect(publisher.sentBytes).toBeLessThan(2 * model.bytes)
    const isMesh = (): boolean => pullers.every(puller => puller.swarm(model.root)?.peers === 5)
    await eventually(isMesh, 'everybody is connected to everybody')
  })

  it('serves while it pulls, from one to the next', async () => {
    const publisher = await startNode()
    const model = await publisher.publish(await writeFiles(someFiles()))
    const middle = await startNode()
    await middle.pull(model.link, await target())
    await publisher.stop()
    const out = await target()
    const last = await startNode()
    const pulled = await last.pull(model.root, out, { peers: [addrOf(middle)] })
    expect(pulled.from.peers + pulled.from.local).toBe(model.bytes)
    expect(middle.swarm(model.root)?.copiesSent).toBeGreaterThan(0.99)
  })

  it('goes on when the publisher comes back on its port, from the same state folder', async () => {
    const state = await tempFolder()
    const dir = await writeFiles({ 'w.bin': noise(1, 2_000_000) })
    const first = await startNode({ dir: state })
    const model = await first.publish(dir)
    const addr = addrOf(first)
    await first.stop()
    const puller = await startNode()
    const out = await target()
    const pull = puller.pull(model.link, out)
    const second = await startNode({ dir: state })
    expect(addrOf(second)).toBe(addr)
    await pull
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })

  it('serves what is in the state folder after a restart, though nothing is published again', async () => {
    const state = await tempFolder()
    const first = await startNode({ dir: state })
    const model = await first.publish(await writeFiles(someFiles()))
    await first.stop()
    await startNode({ dir: state })
    const pulled = await (await startNode()).pull(model.link, await target())
    expect(pulled.bytes).toBe(model.bytes)
  })

  it('goes on with the sessions it has when a node pulls again what it serves', async () => {
    const publisher = await startNode()
    const model = await publisher.publish(await writeFiles(someFiles()))
    const seeder = await startNode()
    await seeder.pull(model.link, await target())
    const before = seeder.swarm(model.root)?.peers
    await seeder.pull(model.link, await target())
    expect([before, seeder.swarm(model.root)?.peers]).toEqual([1, 1])
    await publisher.pull(model.link, await target())
    expect(publisher.swarm(model.root)?.peers).toBe(1)
    // it is a seeder still, for somebody new
    const pulled = await (await startNode()).pull(model.root, await target(), { peers: [addrOf(seeder)] })
    expect(pulled.bytes).toBe(model.bytes)
  })

  it('runs on an application\'s own libp2p, which it leaves as it was', async () => {
    const [serving, pulling] = [await rawLibp2p(), await rawLibp2p()]
    const publisher = await startNode({ libp2p: serving })
    expect(publisher.peerId).toBe(serving.peerId.toString())
    const dir = await writeFiles(someFiles())
    const model = await publisher.publish(dir)
    const puller = await startNode({ libp2p: pulling })
    const out = await target()
    await puller.pull(model.link, out)
    expect(await printsOf(out)).toEqual(await printsOf(dir))
    await Promise.all([puller.stop(), publisher.stop()])
    expect([serving.status, pulling.status]).toEqual(['started', 'started'])
    expect(serving.getProtocols()).not.toContain(CONTROL_PROTOCOL)
    const streams = [...serving.getConnections(), ...pulling.getConnections()].flatMap(connection => connection.streams)
    expect(streams.filter(stream => stream.protocol.startsWith('/modelswarm/'))).toEqual([])
  })

  it('lets two nodes share a state folder, each with an identity of its own', async () => {
    const state = await tempFolder()
    const [a, b] = [await startNode({ dir: state }), await startNode({ dir: state })]
    expect(a.peerId).not.toBe(b.peerId)
    const model = await a.publish(await writeFiles(someFiles()))
    const out = await target()
    // what a has indexed is on this machine: b copies it, and could serve it too
    const pulled = await b.pull(model.link, out)
    expect([pulled.from.peers, pulled.from.local]).toEqual([0, model.bytes])
    await a.stop()
    const c = await startNode({ dir: state })
    expect(c.peerId).toBe(a.peerId)
  })

  it('says that a peer speaks another version', async () => {
    const other = await rawLibp2p()
    const [addr = ''] = other.getMultiaddrs().map(String)
    const puller = await startNode()
    const root = 'bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'
    await expect(puller.pull(root, await target(), { peers: [addr], giveUpSeconds: 1 }))
      .rejects.toThrow('does not speak this version')
  })
})

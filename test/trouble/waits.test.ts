// No pull waits for ever. With whatever peers: it advances, or says what it waits for, and ends after --give-up seconds
// without a verified byte with one line that names what is missing and who was tried. What is there stays.
import { existsSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { isModelswarmError } from '../../src/index.ts'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import { CliProcess, MAIN, numberIn } from '../node/cli-process.ts'
import { playedSeeder } from '../node/played-seeder.ts'
import { LOOPBACK, printsOf, startNode, target, writeFiles } from '../node/nodes.ts'
import type { Server, Socket } from 'node:net'
import type { Node, PulledModel } from '../../src/index.ts'
import type { PlayedSeeder } from '../node/played-seeder.ts'

/** 40 blocks of 64 KiB. */
const BLOCKS = 40
const BYTES = BLOCKS * 65_536
const isBuilt = existsSync(MAIN)
const FILES = { 'w.bin': noise(1, BYTES) }

interface Attempt {
  /** The line it ended with; undefined when it was completed. */
  line: string | undefined
  notes: string[]
  bytes: number
  peers: number
}

async function attempt (puller: Node, root: string, how: { out: string, peers: string[] }): Promise<Attempt> {
  const seen: Attempt = { line: undefined, notes: [], bytes: 0, peers: 0 }
  try {
    await puller.pull(root, how.out, {
      peers: how.peers,
      giveUpSeconds: 1,
      onProgress: event => {
        if (event.type === 'note') seen.notes.push(event.message)
        if (event.type === 'progress') [seen.bytes, seen.peers] = [event.bytes, event.peers]
      }
    })
  } catch (err) {
    if (!isModelswarmError(err, 'ERR_GAVE_UP')) throw err
    seen.line = err.message
  }
  return seen
}

/** What was there stays: the next pull, from a seeder that has everything, fetches only the rest. */
async function goesOn (puller: Node, out: string, heldBytes: number): Promise<PulledModel> {
  const good = await playedSeeder(FILES)
  const pulled = await puller.pull(good.root, out, { peers: [good.addr] })
  expect(pulled.held).toBe(heldBytes)
  expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(FILES)))
  return pulled
}

const nameOf = ({ addr }: PlayedSeeder): string => addr.replace(/\/p2p\/.*/, '')

describe('a pull', () => {
  it('from peers that are all silent says so, and gives up', async () => {
    const silent = async (): Promise<Uint8Array> => await new Promise(() => {})
    const seeders = await Promise.all([1, 2].map(async () => await playedSeeder(FILES, { read: silent })))
    const [one, two] = seeders.map(nameOf)
    const peers = seeders.map(({ addr }) => addr)
    const { line, notes } = await attempt(await startNode(), seeders[0]?.root ?? '', { out: await target(), peers })
    expect(notes).toContain('Waiting for 40 of 40 blocks: the 2 connected peers could give them and sent nothing lately')
    expect(line).toMatch('Gave up after 1 s without a verified byte: 40 of 40 blocks are missing; 2 of 2 connected peers ' +
      'could give it and send nothing')
    expect(line).toMatch(`${one}`)
    expect(line).toMatch(`${two}`)
  })

  it('from somebody who takes the connection and never says a word gives up, naming him', async () => {
    const mute = await listening(createServer(socket => { socket.on('error', () => {}) }))
    const addr = `/ip4/127.0.0.1/tcp/${portOf(mute)}`
    const { root } = await playedSeeder(FILES)
    const { line, notes } = await attempt(await startNode(), root, { out: await target(), peers: [addr] })
    expect(notes).toContain('Waiting for the tree of the model: no peer is connected (1 known, tried again with growing pauses)')
    expect(line).toContain(`the tree is missing; no peer could be reached (${addr}: no answer yet)`)
  })

  it('with only a seeder that has half the model gets that half, and says that nobody has the rest', async () => {
    const half = await playedSeeder(FILES, { isHeld: block => block % 2 === 0 })
    const [puller, out] = [await startNode(), await target()]
    const { line, notes, bytes } = await attempt(puller, half.root, { out, peers: [half.addr] })
    expect(notes).toContain('Waiting for 20 of 40 blocks: nobody connected has any of them')
    expect(line).toContain('20 of 40 blocks are missing; the 1 connected peer has nothing more to give')
    expect(line).toContain(`(${nameOf(half)}: has none of them)`)
    expect(bytes).toBe(BYTES / 2)
    await goesOn(puller, out, BYTES / 2)
  })

  it('whose seeder dies at 99 % keeps what it has, and says who is gone', async () => {
    const dying: PlayedSeeder = await playedSeeder(FILES, {
      read: async (bytes, before) => {
        if (before < BLOCKS - 1) return bytes
        await dying.libp2p.stop()
        return await new Promise(() => {})
      }
    })
    const [puller, out] = [await startNode(), await target()]
    const { line, bytes } = await attempt(puller, dying.root, { out, peers: [dying.addr] })
    const missing = BLOCKS - bytes / 65_536
    expect(missing).toBeGreaterThanOrEqual(1)
    expect(line).toContain(`: ${missing} of 40 blocks are missing; no peer could be reached (${nameOf(dying)}`)
    expect(line).toContain('connection refused, nothing listens there')
    await goesOn(puller, out, bytes)
  })

  it('with only a rotten seeder takes nothing of it, drops it, and names it', async () => {
    const rotten = await playedSeeder(FILES, { read: bytes => bytes.fill(7) })
    const [puller, out] = [await startNode(), await target()]
    const { line } = await attempt(puller, rotten.root, { out, peers: [rotten.addr] })
    expect(line).toContain('40 of 40 blocks are missing; no peer that was reached can give it')
    expect(line).toMatch(new RegExp(`${nameOf(rotten)}\\S*: it sent wrong bytes and was dropped`))
    await goesOn(puller, out, 0)
  })

  it('over a network that comes and goes connects again, and is completed', async () => {
    let onRead = (_before: number): void => {}
    const seeder = await playedSeeder(FILES, {
      read: (bytes, before) => {
        onRead(before)
        return bytes
      }
    })
    const wire = await cuttableWire(Number(/tcp\/(\d+)/.exec(seeder.addr)?.[1]))
    // each cut comes in the middle of what is asked, and the port is closed for a moment
    const cutAt = new Set([3, 12, 25])
    onRead = before => { if (cutAt.delete(before)) wire.cut() }
    const [puller, out] = [await startNode(), await target()]
    await puller.pull(seeder.root, out, { peers: [wire.addr], giveUpSeconds: 30 })
    expect(cutAt.size).toBe(0)
    expect(wire.connections()).toBeGreaterThanOrEqual(4)
    expect(await printsOf(out)).toEqual(await printsOf(await writeFiles(FILES)))
  })
})

const COMMAND = isBuilt ? 'the command line' : 'the command line (skipped: dist is not built; npm run build)'

describe.skipIf(!isBuilt)(COMMAND, () => {
  it('says what a pull waits for, ends with one line and exit 1, and goes on the next time', async () => {
    const half = await playedSeeder(FILES, { isHeld: block => block % 2 === 0 })
    const [out, state] = [await target(), await tempFolder()]
    const args = ['pull', half.root, '--out', out, '--peer', half.addr, '--listen', LOOPBACK, '--no-mdns', '--linger', '0',
      '--state', state, '--give-up', '1']
    const first = new CliProcess(...args)
    expect(await first.ended).toBe(1)
    const line = /^modelswarm: Gave up after 1 s[^\n]*: 20 of 40 blocks are missing; [^\n]*: has none of them\)\n$/
    expect(first.stderr).toMatch(line)
    const waiting = 'Waiting for 20 of 40 blocks: nobody connected has any of them'
    expect(first.lines).toContainEqual({ event: 'note', message: waiting })
    expect(first.lines.at(-1)?.event).toBe('stopped')
    half.holdAll()
    const second = new CliProcess(...args)
    expect(await second.ended).toBe(0)
    expect(numberIn(await second.event('done'), 'held')).toBe(BYTES / 2)
  })
})

async function listening (server: Server, port = 0): Promise<Server> {
  await new Promise<void>(resolve => { server.listen(port, '127.0.0.1', resolve) })
  onTestFinished(() => { server.close() })
  return server
}

function portOf (server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('It does not listen')
  return address.port
}

/** A port that leads to another, until it is cut: then all connections end, and for some time it is closed. */
async function cuttableWire (to: number): Promise<{ addr: string, cut: () => void, connections: () => number }> {
  const sockets = new Set<Socket>()
  let connections = 0
  const carry = (near: Socket): void => {
    connections++
    const far = connect(to, '127.0.0.1')
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  }
  let server = await listening(createServer(carry))
  const port = portOf(server)
  let opening: Promise<unknown> = Promise.resolve()
  let isOver = false
  onTestFinished(async () => {
    isOver = true
    for (const socket of sockets) socket.destroy()
    await opening
    server.close()
  })
  return {
    addr: `/ip4/127.0.0.1/tcp/${port}`,
    connections: () => connections,
    cut: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      opening = new Promise<void>(resolve => { server.once('close', resolve) }).then(async () => {
        if (isOver) return
        server = createServer(carry)
        await new Promise<void>(resolve => { server.listen(port, '127.0.0.1', resolve) })
      })
    }
  }
}

import { Refetch } from './refetch.ts'
import { readRun } from './world.ts'
import type { Child } from '../child.ts'
import type { Kind } from './kinds.ts'
import type { World } from './world.ts'

/** What a story came to; it has thrown where a promise was broken. */
export interface Told {
  /** Received again for one kill, at most. */
  readonly refetchBytes: number
}

type Story = (world: World) => Promise<Told>

/** Nodes in the state folder of the `shared` story at once. */
const SHARING = 3

/** Each kills processes in one state folder over and over, and looks at it after each; at last it lets one finish. */
export const STORIES: Readonly<Record<Kind['story'], Story>> = { start, publish, pull, shared }

async function start (world: World): Promise<Told> {
  const { kind, random, maxKills } = world.parts
  for (let i = 0; i < maxKills; i++) {
    const { child } = world.newNode()
    const isKilled = await world.killWhile(child, kind.kill(random, 0), async () => {
      await child.ask('start', { state: world.state, ledger: '' })
    })
    if (!isKilled) await stopNode(child)
    await world.look([], [])
  }
  const { child } = await world.startNode()
  await stopNode(child)
  await world.expectIdentities(1)
  await world.command('ls')
  return { refetchBytes: 0 }
}

async function publish (world: World): Promise<Told> {
  const { model, parts: { kind, random, maxKills } } = world
  const publishing = async (child: Child): Promise<void> => {
    const startMs = performance.now()
    const { root } = await child.ask('publish', { path: model.path })
    model.usualMs = performance.now() - startMs
    if (root !== model.root) throw new Error(`Published as ${String(root)}, before as ${model.root}`)
  }
  for (let i = 0; i < maxKills; i++) {
    const { child } = await world.startNode()
    const kill = kind.kill(random, model.usualMs)
    const isKilled = await world.killWhile(child, kill, async () => { await publishing(child) })
    if (!isKilled) await stopNode(child)
    await world.look([model.root], [model.path])
    // What is published is not read again: there is nothing left to kill.
    if (!isKilled) break
  }
  const { child } = await world.startNode()
  await publishing(child)
  await stopNode(child)
  await world.look([model.root], [model.path])
  await world.command('verify', model.root)
  await world.expectIdentities(1)
  return { refetchBytes: 0 }
}

async function pull (world: World): Promise<Told> {
  const { model, parts: { kind, random, maxKills } } = world
  const out = world.target()
  const refetch = new Refetch()
  const pulling = async (child: Child): Promise<void> => { await child.ask('pull', { link: model.link, out }) }
  let isDone = false
  for (let i = 0; i < maxKills && !isDone; i++) {
    const { child, ledger } = await world.startNode()
    const startMs = performance.now()
    const kill = kind.kill(random, model.usualMs)
    const isKilled = await world.killWhile(child, kill, async () => { await pulling(child) })
    if (!isKilled) {
      if (i === 0) model.usualMs = performance.now() - startMs
      await stopNode(child)
    }
    refetch.add(readRun(ledger, { isKilled }))
    await world.look([model.root], [out])
    isDone = !isKilled
  }
  const { child, ledger } = await world.startNode()
  await pulling(child)
  await stopNode(child)
  refetch.add(readRun(ledger, { isKilled: false }))
  await world.look([model.root], [out])
  await world.expectFiles(out, model)
  await world.expectIdentities(1)
  await world.command('verify', model.root)
  return { refetchBytes: refetch.worstBytes }
}

/** One shares, one pulls, one pulls two at once and is killed; now and then the one that shares is killed too. */
async function shared (world: World): Promise<Told> {
  const { model, parts: { kind, random, maxKills, models } } = world
  const { small } = models
  const [out, outSmall, outBeside] = [world.target('out'), world.target('small'), world.target('beside')]
  const pullBoth = async (child: Child): Promise<void> => {
    await Promise.all([
      child.ask('pull', { link: model.link, out }), child.ask('pull', { link: small.link, out: outSmall })
    ])
  }
  const refetch = new Refetch()
  const look = async (): Promise<void> => {
    await world.look([model.root, small.root], [out, outSmall, outBeside, small.path])
  }
  let sharing = (await world.startNode()).child
  await sharing.ask('publish', { path: small.path })
  let beside: Promise<unknown> | undefined
  const { child: besideNode } = await world.startNode()
  let isDone = false
  for (let i = 0; i < maxKills && !isDone; i++) {
    const { child, ledger } = await world.startNode()
    beside ??= besideNode.ask('pull', { link: model.link, out: outBeside })
    // Its failure is told below.
    beside.catch(() => {})
    const kill = kind.kill(random, model.usualMs)
    const isKilled = await world.killWhile(child, kill, async () => { await pullBoth(child) })
    refetch.add(readRun(ledger, { isKilled, pulls: 2 }))
    await look()
    if (!isKilled) await stopNode(child)
    isDone = !isKilled
    if (isKilled && world.kills < maxKills && random.chance(0.3)) {
      await sharing.kill()
      world.kills++
      await look()
      sharing = (await world.startNode()).child
      await sharing.ask('publish', { path: small.path })
    }
  }
  const { child, ledger } = await world.startNode()
  await pullBoth(child)
  refetch.add(readRun(ledger, { isKilled: false, pulls: 2 }))
  await (beside ?? besideNode.ask('pull', { link: model.link, out: outBeside }))
  await look()
  for (const node of [child, besideNode, sharing]) await stopNode(node)
  await world.expectFiles(out, model)
  await world.expectFiles(outSmall, small)
  await world.expectFiles(outBeside, model)
  await world.expectIdentities(SHARING)
  await world.command('verify', model.root)
  await world.command('verify', small.root)
  return { refetchBytes: refetch.worstBytes }
}

async function stopNode (child: Child): Promise<void> {
  await child.ask('stop')
  await child.stop()
}

import { describe, expect, it } from 'vitest'
import { ModelswarmError } from '../../src/errors.ts'
import { fakeCollection, fakeNode, LINK, PEER, ROOT, runCli } from './fakes.ts'
import type { Inspection } from '../../src/api.ts'

const tensor = { name: 'w', dtype: 'BF16', shape: [2, 3], bytes: 12, blocks: 1 }
const inspection: Inspection = {
  root: ROOT,
  bytes: 2048,
  blocks: 2,
  files: [{ path: 'config.json', bytes: 10, blocks: 1 }, { path: 'a.safetensors', bytes: 2038, blocks: 1, tensors: [tensor] }]
}

describe('modelswarm inspect', () => {
  it('asks this machine first and opens no port', async () => {
    const asked: unknown[] = []
    const collection = fakeCollection({
      inspect: async (what, options) => {
        asked.push(what, options?.tensors)
        return inspection
      }
    })
    const { code, events, nodeOptions } = await runCli(['inspect', LINK, '--json', '--tensors'], { collection })
    expect({ code, nodeOptions, asked }).toEqual({ code: 0, nodeOptions: [], asked: [ROOT, true] })
    expect(collection.closes).toBe(1)
    expect(events).toEqual([
      { event: 'model', root: ROOT, bytes: 2048, blocks: 2, files: 2 },
      { event: 'file', path: 'config.json', bytes: 10, blocks: 1 },
      { event: 'file', path: 'a.safetensors', bytes: 2038, blocks: 1 },
      { event: 'tensor', path: 'a.safetensors', ...tensor }
    ])
  })

  it.each([[[], true], [['--no-tensors'], false], [['--json'], false], [['--json', '--tensors'], true]])(
    'with %j lists tensors: %s', async (args, wanted) => {
      let asked: boolean | undefined
      const collection = fakeCollection({
        inspect: async (_what, options) => {
          asked = options?.tensors
          return inspection
        }
      })
      await runCli(['inspect', ROOT, ...args], { collection })
      expect(asked).toBe(wanted)
    })

  it('shows people a table of files and one of tensors', async () => {
    const { stdout } = await runCli(['inspect', 'folder'], { collection: fakeCollection({ inspect: async () => inspection }) })
    expect(stdout).toMatch(/a\.safetensors +1\.99 KiB +1\n/)
    expect(stdout).toMatch(/w +BF16 +\[2, 3\] +12 B +1\n/)
  })

  it('lets no name of a file, tensor or type command the terminal', async () => {
    const evil = '\u001b[2J\u009b1A\r\n\u202ename'
    const shown = '\\u{1b}[2J\\u{9b}1A\\u{d}\\u{a}\\u{202e}name'
    const files = [{ path: evil, bytes: 12, blocks: 1, tensors: [{ ...tensor, name: evil, dtype: evil }] }]
    const { stdout } = await runCli(['inspect', ROOT], {
      collection: fakeCollection({ inspect: async () => ({ ...inspection, files }) })
    })
    expect(stdout).not.toMatch(/(?!\n)\p{C}/u)
    expect(stdout).toContain(`${shown}  12 B       1\n`)
    expect(stdout).toContain(`${shown}: 1 tensor\n`)
    expect(stdout).toContain(`${shown}  ${shown}  [2, 3]`)
  })

  it('asks peers when this machine does not know the root, and stops its node', async () => {
    const node = fakeNode({ inspect: async () => inspection })
    const { code, nodeOptions } = await runCli(['inspect', LINK, '--json'], { node })
    expect({ code, stops: node.stops }).toEqual({ code: 0, stops: 1 })
    expect(nodeOptions[0]?.avoidPeerIds).toEqual([PEER])
  })

  it('asks peers for headers that are not here, unless it is about a path', async () => {
    const [config] = inspection.files
    const here: Inspection = { ...inspection, files: [{ path: 'a.safetensors', bytes: 2038, blocks: 1, isHeaderMissing: true }] }
    const collection = fakeCollection({ inspect: async () => here })
    const node = fakeNode({
      inspect: async (_what, options) => {
        options?.onNote?.('Waiting')
        return inspection
      }
    })
    const { stdout, nodeOptions } = await runCli(['inspect', LINK], { collection, node })
    expect(nodeOptions).toHaveLength(1)
    expect(stdout).toMatch(/^its tensors are not on this machine, asking peers\nnote: Waiting\n/)
    expect(stdout).toContain(config?.path)
    expect((await runCli(['inspect', 'folder'], { collection, node })).nodeOptions).toEqual([])
  })

  it('does not ask peers about a path', async () => {
    const collection = fakeCollection({
      inspect: async () => { throw new ModelswarmError('ERR_PATH_NOT_FOUND', 'There is no folder x') }
    })
    expect(await runCli(['inspect', 'x'], { collection })).toMatchObject({
      code: 1, nodeOptions: [], stderr: 'modelswarm: There is no folder x\n'
    })
  })
})

describe('modelswarm verify', () => {
  it('exits 0 when all is well', async () => {
    const { code, events } = await runCli(['verify', ROOT, '--json'])
    expect(code).toBe(0)
    expect(events).toEqual([{ event: 'verified', root: ROOT, copies: 1, bytes: 10, goodBytes: 10, bad: 0, isPart: false }])
  })

  it('does not call all what is a part of the model', async () => {
    const collection = fakeCollection({
      verify: async root => ({ root, copies: 1, bytes: 10, goodBytes: 10, bad: [], isPart: true })
    })
    expect((await runCli(['verify', ROOT], { collection })).stdout).toBe(`good: all 10 B that are here of ${ROOT}\n`)
  })

  it('says in how many copies it is here', async () => {
    const collection = fakeCollection({
      verify: async root => ({ root, copies: 2, bytes: 20, goodBytes: 20, bad: [], isPart: false })
    })
    expect((await runCli(['verify', ROOT], { collection })).stdout).toBe(`good: all 20 B in 2 copies of ${ROOT}\n`)
  })

  it('exits 1 with one line that names what is bad', async () => {
    const collection = fakeCollection({
      verify: async root => ({ root, copies: 1, bytes: 100, goodBytes: 90, bad: ['a', 'b', 'c', 'd'].map(path => ({ path, blocks: 1 })), isPart: false })
    })
    const { code, events, stderr } = await runCli(['verify', LINK, '--json'], { collection })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^modelswarm: 10 B of 100 B of \w+ are missing or wrong, in a, b, c and 1 file more; /)
    expect(stderr).toMatch(/ with --force; an original that you changed is shared anew\n$/)
    expect(stderr.split('\n')).toHaveLength(2)
    expect(events.map(({ event }) => event)).toEqual(['bad', 'bad', 'bad', 'bad', 'verified'])
    expect(collection.closes).toBe(1)
  })
})

describe('modelswarm verify of a file that is too long', () => {
  it('exits 1 though every block is there', async () => {
    const collection = fakeCollection({
      verify: async root => ({ root, copies: 1, bytes: 100, goodBytes: 100, bad: [{ path: 'a', blocks: 0 }], isPart: false })
    })
    const { code, stdout, stderr } = await runCli(['verify', ROOT], { collection })
    expect(code).toBe(1)
    expect(stdout).toBe('bad: a: gone, or longer than it should be\n')
    expect(stderr).toMatch(/^modelswarm: all 100 B of \w+ are there, but not its files as they should be, in a; /)
  })
})

describe('modelswarm ls and rm', () => {
  const summary = { root: ROOT, name: 'llama', path: '/m/llama', bytes: 100, heldBytes: 50, origin: 'pulled' as const }

  it('lists models for programs and for people', async () => {
    const collection = fakeCollection({ list: async () => [summary] })
    expect((await runCli(['ls', '--json'], { collection })).events).toEqual([{ event: 'model', ...summary }])
    expect((await runCli(['ls'], { collection })).stdout).toMatch(new RegExp(`llama +100 B +50 % +pulled +${ROOT} +/m/llama`))
    expect((await runCli(['ls'])).stdout).toMatch(/^no models yet/)
    const begun = fakeCollection({ list: async () => [{ ...summary, isUnfinished: true }] })
    expect((await runCli(['ls'], { collection: begun })).stdout).toMatch(/100 B +50 % +pulled, unfinished +baf/)
  })

  it('says where roots are found when it is asked to forget something else', async () => {
    const { code, stderr } = await runCli(['rm', 'llama'])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'modelswarm: Cannot forget llama: it is no root and no link; "modelswarm ls" lists the roots of the models here\n'
    })
  })

  it('forgets the root of a link', async () => {
    const forgotten: string[] = []
    const collection = fakeCollection({ forget: async root => { forgotten.push(root) } })
    const { code, events } = await runCli(['rm', LINK, '--json'], { collection })
    expect({ code, events, forgotten }).toEqual({ code: 0, events: [{ event: 'forgotten', root: ROOT }], forgotten: [ROOT] })
  })
})

it('commands that only look make no state folder', async () => {
  for (const args of [['ls'], ['verify', ROOT], ['rm', ROOT]]) expect((await runCli(args)).made).toEqual([false])
  expect((await runCli(['ls'])).stdout).toBe('no models yet: share one, or pull one\n')
})

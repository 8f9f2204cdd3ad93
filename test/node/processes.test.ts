// Nodes as processes of their own, through the built command line: what only a process can show.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../files/temp-folder.ts'
import { noise } from '../model/tree-fixtures.ts'
import { CliProcess, MAIN, numberIn } from './cli-process.ts'
import { LOOPBACK, printsOf, target, writeFiles } from './nodes.ts'
import type { Line } from './cli-process.ts'

const MIB = 1024 * 1024
const MODEL_BYTES = 128 * MIB
const isBuilt = existsSync(MAIN)

async function share (): Promise<{ sharing: CliProcess, link: string, dir: string }> {
  const dir = await writeFiles({
    'part-1.bin': noise(1, MODEL_BYTES / 2),
    'part-2.bin': noise(2, MODEL_BYTES / 2),
    'config.json': Uint8Array.of(123, 125)
  })
  const sharing = new CliProcess('share', dir, '--listen', LOOPBACK, '--no-mdns', '--state', await tempFolder())
  const ready = await sharing.event('ready')
  return { sharing, dir, link: String(ready['link']) }
}

function pull (link: string, out: string, state: string): CliProcess {
  return new CliProcess('pull', link, '--out', out, '--listen', LOOPBACK, '--no-mdns', '--linger', '0', '--state', state)
}

/** Some of the model is there, not all of it. */
const isUnderWay = (line: Line): boolean => line.event === 'progress' && numberIn(line, 'bytes') > MODEL_BYTES / 10
const lastBytes = (process: CliProcess): number =>
  numberIn(process.lines.findLast(line => line.event === 'progress'), 'bytes')

describe.skipIf(!isBuilt)(isBuilt ? 'processes' : 'processes (skipped: dist is not built; npm run build)', () => {
  it('move a model from one to three, which then have the same files', async () => {
    const { sharing, link, dir } = await share()
    const outs = await Promise.all([0, 1, 2].map(async () => await target()))
    const pulls = await Promise.all(outs.map(async out => pull(link, out, await tempFolder())))
    expect(await Promise.all(pulls.map(async one => await one.ended))).toEqual([0, 0, 0])
    const prints = await printsOf(dir)
    for (const out of outs) expect(await printsOf(out)).toEqual(prints)
    for (const one of pulls) {
      expect(one.stderr).toBe('')
      expect(one.lines.at(-1)?.event).toBe('stopped')
      expect(numberIn(await one.event('done'), 'bytes')).toBe(MODEL_BYTES + 2)
    }
    sharing.kill('SIGTERM')
    expect(await sharing.ended).toBe(0)
    const sent = numberIn(sharing.lines.at(-1), 'sentBytes')
    expect(sent).toBeGreaterThan(MODEL_BYTES)
    expect(sent).toBeLessThan(2 * MODEL_BYTES)
  })

  it('go on after SIGKILL in the middle, and fetch at most 32 MiB again', async () => {
    const { link, dir } = await share()
    const [out, state] = [await target(), await tempFolder()]
    const killed = pull(link, out, state)
    await killed.line(isUnderWay)
    killed.kill('SIGKILL')
    expect(await killed.ended).toBe('SIGKILL')
    const had = lastBytes(killed)
    expect(had).toBeLessThan(MODEL_BYTES)
    expect(existsSync(join(out, 'part-1.bin')) && existsSync(join(out, 'part-2.bin'))).toBe(false)
    const again = pull(link, out, state)
    expect(await again.ended).toBe(0)
    expect(numberIn(await again.event('done'), 'held')).toBeGreaterThanOrEqual(had - 32 * MIB)
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })

  it('stop cleanly at SIGTERM in the middle, and go on without fetching anything again', async () => {
    const { link, dir } = await share()
    const [out, state] = [await target(), await tempFolder()]
    const stopped = pull(link, out, state)
    await stopped.line(isUnderWay)
    stopped.kill('SIGTERM')
    expect(await stopped.ended).toBe(1)
    expect(stopped.stderr).toMatch(/^modelswarm: interrupted[^\n]*\n$/)
    expect(stopped.lines.at(-1)?.event).toBe('stopped')
    const again = pull(link, out, state)
    expect(await again.ended).toBe(0)
    expect(numberIn(await again.event('done'), 'held')).toBeGreaterThanOrEqual(lastBytes(stopped))
    expect(await printsOf(out)).toEqual(await printsOf(dir))
  })
})

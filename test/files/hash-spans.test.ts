import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { spansOf } from '../../src/cut/spans.ts'
import { identityOf } from '../../src/files/file-identity.ts'
import { hashSpans } from '../../src/files/hash-spans.ts'
import { hasherHere, hashHere } from './hash-here.ts'
import { tempFolder } from './temp-folder.ts'
import type { Span } from '../../src/cut/spans.ts'
import type { HashSpansOptions, SpanHasher } from '../../src/files/hash-spans.ts'
import type { Leaf } from '../../src/model/tree.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const hasherOf = (hashSpan: SpanHasher['hashSpan']): SpanHasher => ({ ...hasherHere, hashSpan })

interface Fixture { path: string, spans: Span[], options: HashSpansOptions }

async function fixture (content: string, lengths: number[], options: Partial<HashSpansOptions> = {}): Promise<Fixture> {
  const path = join(await tempFolder(), 'f')
  await writeFile(path, content)
  const expected = await identityOf(path)
  return { path, spans: [...spansOf(lengths, 4)], options: { hasher: hasherHere, ahead: 2, expected, ...options } }
}

async function all ({ path, spans, options }: Fixture, onLeaf?: (leaf: Leaf) => Promise<void> | void): Promise<Leaf[]> {
  const leaves: Leaf[] = []
  for await (const leaf of hashSpans(path, spans, options)) {
    leaves.push(leaf)
    await onLeaf?.(leaf)
  }
  return leaves
}

describe('hashSpans', () => {
  it('gives the blocks in order, whichever span is hashed first', async () => {
    const { promise: second, resolve } = Promise.withResolvers<undefined>()
    const one = await fixture('abcdefghij', [3, 1, 4, 2], {
      ahead: 3,
      hasher: hasherOf(async (file, span) => {
        if (span.offset === 0) await second
        const digests = await hashHere(file, span)
        if (span.offset === 4) resolve(undefined)
        return digests
      })
    })
    const leaves = await all(one)
    expect(leaves.map(({ sizeBytes }) => sizeBytes)).toEqual([3, 1, 4, 2])
    expect(leaves.map(({ digest }) => Buffer.from(digest).toString('hex'))).toEqual(['abc', 'd', 'efgh', 'ij'].map(sha256))
  })

  it('has no more spans under way than it is told', async () => {
    let underWay = 0
    let most = 0
    const one = await fixture('abcdefghijklmnop', Array.from({ length: 16 }, () => 1), {
      ahead: 3,
      hasher: hasherOf(async (file, span) => {
        most = Math.max(most, ++underWay)
        const digests = await hashHere(file, span)
        underWay--
        return digests
      })
    })
    expect(await all({ ...one, spans: [...spansOf(Array.from({ length: 16 }, () => 1), 1)] })).toHaveLength(16)
    expect(most).toBe(3)
  })

  it('does not wait for the writer of a named pipe in the place of the file', async () => {
    const one = await fixture('abcd', [4])
    await rm(one.path)
    execFileSync('mkfifo', [one.path])
    await expect(all(one)).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
  })

  it('fails when the file changes while it is read, or is not the one expected', async () => {
    const one = await fixture('abcdefgh', [3, 3, 2])
    await expect(all(one, async () => { await appendFile(one.path, 'x') })).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await expect(all(one)).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
  })

  it('stops with the signal, and closes the file when left early, after the spans under way', async () => {
    const { promise: hold, resolve: release } = Promise.withResolvers<undefined>()
    let isRead = false
    let fd = (): number => -1
    const one = await fixture('abcdefgh', [4, 4], {
      hasher: hasherOf(async (file, span) => {
        fd = () => file.handle.fd
        if (span.offset > 0) await hold
        const digests = await hashHere(file, span)
        if (span.offset > 0) isRead = true
        return digests
      })
    })
    const before = (await readdir('/proc/self/fd')).length
    const leaves = hashSpans(one.path, one.spans, one.options)
    await leaves.next()
    const left = leaves.return()
    await setImmediate()
    // A thread may still read by this number, which must not become another file's.
    expect(fd()).toBeGreaterThan(0)
    release(undefined)
    await left
    expect(isRead).toBe(true)
    const controller = new AbortController()
    const aborted = all({ ...one, options: { ...one.options, ahead: 1, signal: controller.signal } }, () => {
      controller.abort(new Error('enough'))
    })
    await expect(aborted).rejects.toThrow('enough')
    expect((await readdir('/proc/self/fd')).length).toBeLessThanOrEqual(before)
  })

  it('drops what nobody has begun as soon as the signal aborts, with its reason', async () => {
    const waiting: Array<(reason: unknown) => void> = []
    const one = await fixture('abcdefgh', [4, 4], {
      hasher: {
        hashSpan: async () => await new Promise((_resolve, reject) => { waiting.push(reject) }),
        drop: (_file, reason) => { for (const reject of waiting.splice(0)) reject(reason) }
      }
    })
    const controller = new AbortController()
    const reading = all({ ...one, options: { ...one.options, signal: controller.signal } })
    await expect.poll(() => waiting.length).toBe(2)
    controller.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
  })

  it('hands nothing out when the signal aborts while the file is opened', async () => {
    let handedOut = 0
    const controller = new AbortController()
    const one = await fixture('abcdefgh', [4, 4], {
      signal: controller.signal,
      hasher: hasherOf(async (file, span) => {
        handedOut++
        return await hashHere(file, span)
      })
    })
    const reading = all(one)
    controller.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    expect(handedOut).toBe(0)
  })
})

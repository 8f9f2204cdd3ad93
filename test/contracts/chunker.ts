import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

/** A chunker made for one file of known block lengths. */
export type MakeChunker = (lengths: number[]) =>
(source: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

/** What every chunker promises, whatever chunks its source has. */
export function testChunker (title: string, make: MakeChunker): void {
  describe(`${title} as a chunker`, () => {
    it('gives blocks of the lengths and the bytes of the source, however the source is chunked', async () => {
      const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 30 })
      const sourceSizes = fc.array(fc.nat(70), { maxLength: 60 })
      await fc.assert(fc.asyncProperty(sizes, sourceSizes, async (lengths, cuts) => {
        const bytes = Uint8Array.from({ length: lengths.reduce((a, b) => a + b, 0) }, (_, i) => i % 251)
        const blocks: Uint8Array[] = []
        for await (const block of make(lengths)(chunked(bytes, cuts))) blocks.push(block)
        expect(blocks.map(block => block.byteLength)).toEqual(lengths)
        expect(Buffer.concat(blocks).equals(bytes)).toBe(true)
      }))
    })

    it('gives nothing for an empty file', async () => {
      for await (const block of make([])(chunked(new Uint8Array(0), []))) expect(block).toBeUndefined()
    })

    it('passes on what the source throws', async () => {
      const broken = async function * (): AsyncGenerator<Uint8Array> {
        yield new Uint8Array(3)
        throw new Error('disk')
      }
      await expect((async () => { for await (const block of make([2, 2])(broken())) expect(block).toHaveLength(2) })())
        .rejects.toThrow('disk')
    })

    it('ends its source when the consumer stops', async () => {
      let isEnded = false
      const source = async function * (): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield new Uint8Array(10)
        } finally {
          isEnded = true
        }
      }
      const blocks = make(Array.from({ length: 9 }, () => 7))(source())[Symbol.asyncIterator]()
      await blocks.next()
      await blocks.return?.()
      expect(isEnded).toBe(true)
    })
  })
}

async function * chunked (bytes: Uint8Array, cuts: number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of cuts) {
    yield bytes.subarray(at, at + size)
    at += size
  }
  if (at < bytes.byteLength) yield bytes.subarray(at)
}

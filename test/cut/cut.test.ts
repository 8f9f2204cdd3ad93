import { pipe } from 'it-pipe'
import { describe, expect, it } from 'vitest'
import { cut } from '../../src/cut/cut.ts'
import { cutLengths, planCuts } from '../../src/cut/plan.ts'
import { testChunker } from '../contracts/chunker.ts'

testChunker('cut', lengths => cut(lengths))

async function all (source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const blocks: Uint8Array[] = []
  for await (const block of source) blocks.push(block)
  return blocks
}

describe('cut', () => {
  it('gives views where a block lies within one chunk, copies elsewhere', async () => {
    const chunk = Uint8Array.from([1, 2, 3, 4, 5])
    const [a, b, c] = await all(cut([2, 2, 2])([chunk, Uint8Array.from([6])]))
    expect(a?.buffer).toBe(chunk.buffer)
    expect(b?.buffer).toBe(chunk.buffer)
    expect(c?.buffer).not.toBe(chunk.buffer)
    expect([...c ?? []]).toEqual([5, 6])
  })

  it('works in an it-pipe pipeline with a lazy plan', async () => {
    const bytes = new Uint8Array(200_000)
    const blocks = await pipe([bytes], cut(cutLengths(planCuts(bytes.byteLength, undefined))), all)
    expect(blocks.map(block => block.byteLength)).toEqual([65536, 65536, 65536, 3392])
  })

  it('says that the file changed when it is shorter or longer than its lengths', async () => {
    await expect(all(cut([5])([new Uint8Array(4)]))).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await expect(all(cut([5])([new Uint8Array(6)]))).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
    await expect(all(cut([])([new Uint8Array(1)]))).rejects.toMatchObject({ code: 'ERR_FILE_CHANGED' })
  })
})

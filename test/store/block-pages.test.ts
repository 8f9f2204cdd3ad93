import { describe, expect, it } from 'vitest'
import { BLOCKS_PER_PAGE, blocksOfPage, PageWriter } from '../../src/store/block-pages.ts'

describe('block pages', () => {
  it('hold the blocks of a file in order with their offsets', () => {
    const writer = new PageWriter()
    const pages = []
    for (let i = 0; i < BLOCKS_PER_PAGE * 2 + 1; i++) {
      const page = writer.add(Buffer.alloc(32, i), i)
      if (page !== undefined) pages.push(page)
    }
    expect(writer.count).toBe(BLOCKS_PER_PAGE * 2 + 1)
    pages.push(writer.rest() ?? new Uint8Array(0))
    expect(pages.map(page => page.byteLength)).toEqual([4076, 4076, 44])
    const blocks = pages.flatMap(page => [...blocksOfPage(page)])
    let offset = 0
    for (const [i, block] of blocks.entries()) {
      expect(block).toMatchObject({ offset, sizeBytes: i })
      expect(block.digest[0]).toBe(i & 255)
      offset += i
    }
    expect(writer.rest()).toBeUndefined()
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeFileRecord, encodeFileRecord } from '../../src/store/file-record.ts'

describe('file record', () => {
  it('is read back as it was written', () => {
    fc.assert(fc.property(fc.record({
      path: fc.string({ unit: 'grapheme' }),
      identity: fc.record({
        sizeBytes: fc.maxSafeNat(),
        mtimeNs: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        ctimeNs: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
        inode: fc.bigInt(0n, 2n ** 64n - 1n)
      }),
      leaf: fc.constantFrom('raw' as const, 'wrapped' as const),
      complete: fc.boolean(),
      blockCount: fc.integer({ min: 0, max: 2 ** 32 - 1 })
    }), record => { expect(decodeFileRecord(encodeFileRecord(record))).toEqual(record) }))
  })

  it('has the committed format', () => {
    const identity = { sizeBytes: 1, mtimeNs: -1n, ctimeNs: 2n, inode: 3n }
    const bytes = encodeFileRecord({ path: '/é', identity, leaf: 'wrapped', complete: true, blockCount: 258 })
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '0101010000000102' + '0000000000000001' + 'ffffffffffffffff' + '0000000000000002' + '0000000000000003' + '2fc3a9')
  })

  it('refuses other bytes as damaged', () => {
    for (const bytes of [[], [2], [1, 1, 9], [1, 1, 0]]) {
      expect(() => decodeFileRecord(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'ERR_STATE_DAMAGED' }))
    }
  })
})

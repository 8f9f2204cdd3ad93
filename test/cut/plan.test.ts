import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutLengths, planCuts } from '../../src/cut/plan.ts'
import type { TensorTable } from '../../src/formats/tensor-table.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** A table of regions of these sizes after a header. */
function tableOf (headerBytes: number, sizes: number[]): { table: TensorTable, fileBytes: number } {
  let offset = headerBytes
  const tensors = sizes.map((sizeBytes, i) => {
    const tensor = { name: `t${i}`, dtype: 'U8', shape: [sizeBytes], offset, sizeBytes }
    offset += sizeBytes
    return tensor
  })
  return { table: { format: 'safetensors', headerBytes, tensors }, fileBytes: offset }
}

function lengths (headerBytes: number, sizes: number[]): number[] {
  const { table, fileBytes } = tableOf(headerBytes, sizes)
  return [...cutLengths(planCuts(fileBytes, table))]
}

describe('planCuts', () => {
  it('cuts a plain file in about 1,024 blocks between 64 KiB and 1 MiB', () => {
    const blockOf = (fileBytes: number): number => cutLengths(planCuts(fileBytes, undefined)).next().value ?? 0
    expect(blockOf(1)).toBe(1)
    expect(blockOf(100 * KIB)).toBe(64 * KIB)
    expect(blockOf(128 * MIB - 1)).toBe(64 * KIB)
    expect(blockOf(128 * MIB)).toBe(128 * KIB)
    expect(blockOf(1024 * MIB - 1)).toBe(512 * KIB)
    expect(blockOf(1024 * MIB)).toBe(MIB)
    expect(blockOf(2 ** 50)).toBe(MIB)
    expect([...cutLengths(planCuts(0, undefined))]).toEqual([])
  })

  it('cuts a tensor by its own size alone', () => {
    expect(lengths(100, [64 * KIB])).toEqual([100, 64 * KIB])
    expect(lengths(100, [2 * MIB - 1]).slice(0, 3)).toEqual([100, 64 * KIB, 64 * KIB])
    expect(lengths(100, [2 * MIB]).slice(1)).toEqual(Array.from({ length: 16 }, () => 128 * KIB))
    expect(lengths(100, [16 * MIB + 5]).slice(-2)).toEqual([MIB, 5])
    const tail = lengths(9, [5, 3 * MIB, 70 * KIB]).slice(2)
    expect(lengths(9000, [3 * MIB, 70 * KIB]).slice(1)).toEqual(tail)
  })

  it('runs small neighbours together up to 64 KiB and ends a run at a larger tensor', () => {
    expect(lengths(8, [30 * KIB, 34 * KIB, 1])).toEqual([8, 64 * KIB, 1])
    expect(lengths(8, [30 * KIB, 34 * KIB + 1, 1])).toEqual([8, 30 * KIB, 34 * KIB + 2])
    expect(lengths(8, [10, 64 * KIB, 10, 20])).toEqual([8, 10, 64 * KIB, 30])
  })

  it('loses tensors of no bytes', () => {
    expect(lengths(8, [0, 10, 0, 64 * KIB, 0])).toEqual([8, 10, 64 * KIB])
    expect(lengths(8, [0])).toEqual([8])
    expect(lengths(8, [])).toEqual([8])
  })

  it('cuts the header as a region of its own', () => {
    expect(lengths(3 * MIB, [5])).toEqual([...Array.from({ length: 24 }, () => 128 * KIB), 5])
  })

  it('refuses a table of another file', () => {
    const { table, fileBytes } = tableOf(8, [100, 100])
    expect(() => planCuts(fileBytes - 101, table)).toThrow(RangeError)
    expect(() => planCuts(-1, undefined)).toThrow(RangeError)
  })

  it('gives lengths that fill the file, none empty, none over 1 MiB', () => {
    const size = fc.oneof(fc.nat(3000), fc.integer({ min: 60_000, max: 70_000 }), fc.nat(40 * MIB))
    fc.assert(fc.property(fc.nat(200_000), fc.array(size, { maxLength: 30 }), (headerBytes, sizes) => {
      const { table, fileBytes } = tableOf(headerBytes, sizes)
      for (const plan of [planCuts(fileBytes, table), planCuts(fileBytes, undefined)]) {
        const cuts = [...cutLengths(plan)]
        expect(cuts.reduce((a, b) => a + b, 0)).toBe(fileBytes)
        expect(cuts.every(length => length > 0 && length <= MIB)).toBe(true)
      }
    }))
  })

  it('begins a block at every tensor of 64 KiB or more', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 300_000 }), { maxLength: 20 })
    fc.assert(fc.property(sizes, all => {
      const { table, fileBytes } = tableOf(50, all)
      const starts = new Set<number>()
      let at = 0
      for (const length of cutLengths(planCuts(fileBytes, table))) {
        starts.add(at)
        at += length
      }
      for (const tensor of table.tensors) if (tensor.sizeBytes >= 64 * KIB) expect(starts.has(tensor.offset)).toBe(true)
    }))
  })
})

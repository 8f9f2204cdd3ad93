import { BLOCKS_PER_FILE, BLOCKS_PER_TENSOR, MAX_BLOCK_BYTES, MIN_BLOCK_BYTES } from '../model/profile.ts'
import type { TensorTable } from '../formats/tensor-table.ts'

// Profile ms1 (frozen: test/vectors/ms1.json; a change here is a new profile):
//
//   | header | small small small | large tensor        | small | large tensor + padding |
//   | region | one block         | ~16 equal blocks, the last one shorter, 64 KiB to 1 MiB each
//
// A region begins at a tensor, and its blocks depend on its own bytes alone.

/** How a file is cut: regions in file order, each in blocks of one size. O(tensors) memory. */
export interface CutPlan {
  readonly fileBytes: number
  readonly regions: readonly CutRegion[]
}

export interface CutRegion {
  readonly sizeBytes: number
  /** All blocks but the last have this size. */
  readonly blockBytes: number
}

/**
 * Decides where a file is cut: at the tensors of its table, or, without one, in equal blocks. Regions are never empty
 * and fill the file; an empty file has none.
 *
 * @throws RangeError when the table is not of a file of this size
 */
export function planCuts (fileBytes: number, table: TensorTable | undefined): CutPlan {
  if (!Number.isSafeInteger(fileBytes) || fileBytes < 0) throw new RangeError(`A file of ${fileBytes} bytes`)
  if (table === undefined) {
    const blockBytes = blockBytesFor(fileBytes, BLOCKS_PER_FILE)
    return { fileBytes, regions: fileBytes === 0 ? [] : [{ sizeBytes: fileBytes, blockBytes }] }
  }
  return { fileBytes, regions: [...tensorRegions(fileBytes, table)] }
}

/** The length of each block of the file, in order, each at least 1; their sum is the file's size. Lazy. */
export function * cutLengths (plan: CutPlan): Generator<number, undefined> {
  for (const { sizeBytes, blockBytes } of plan.regions) {
    for (let left = sizeBytes; left > 0; left -= blockBytes) yield Math.min(left, blockBytes)
  }
}

function * tensorRegions (fileBytes: number, { tensors }: TensorTable): Generator<CutRegion> {
  const headerBytes = tensors[0]?.offset ?? fileBytes
  if (headerBytes > 0) yield region(headerBytes)
  let run = 0
  for (const [i, tensor] of tensors.entries()) {
    const end = tensors[i + 1]?.offset ?? fileBytes
    const sizeBytes = end - tensor.offset
    if (!(sizeBytes >= 0 && end <= fileBytes)) throw new RangeError(`Tensor ${i} of the table is not of this file`)
    const isSmall = sizeBytes < MIN_BLOCK_BYTES
    if (run > 0 && (!isSmall || run + sizeBytes > MIN_BLOCK_BYTES)) {
      yield region(run)
      run = 0
    }
    if (isSmall) run += sizeBytes
    else yield region(sizeBytes)
  }
  if (run > 0) yield region(run)
}

function region (sizeBytes: number): CutRegion {
  return { sizeBytes, blockBytes: blockBytesFor(sizeBytes, BLOCKS_PER_TENSOR) }
}

/** clamp(2^floor(log2(sizeBytes / count)), 64 KiB, 1 MiB), in integers so that no rounding of a logarithm decides. */
function blockBytesFor (sizeBytes: number, count: number): number {
  let blockBytes = MIN_BLOCK_BYTES
  while (blockBytes < MAX_BLOCK_BYTES && blockBytes * 2 * count <= sizeBytes) blockBytes *= 2
  return blockBytes
}

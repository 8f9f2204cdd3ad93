import { readTensorTable } from './formats/tensor-table.ts'
import type { InspectedFile, InspectedTensor, Inspection } from './api.ts'
import type { FileReaders } from './files/reader.ts'
import type { TensorTable } from './formats/tensor-table.ts'
import type { Manifest, ManifestFile } from './model/manifest.ts'
import type { ModelRecordFile } from './store/models.ts'

/** What a manifest holds, in words; with `tensors`, those of its weights files that `files` has on this machine. */
export async function inspect (
  manifest: Manifest, options: { tensors?: boolean, files?: readonly ModelRecordFile[], readers?: FileReaders } = {}
): Promise<Inspection> {
  const onDisk = new Map((options.files ?? []).map(file => [file.path, file]))
  const files: InspectedFile[] = []
  for (const file of manifest.files) {
    const local = onDisk.get(file.path)
    const table = options.tensors === true && local !== undefined && options.readers !== undefined
      ? await tableOf(local, options.readers)
      : undefined
    files.push({
      path: file.path,
      bytes: file.sizeBytes,
      blocks: file.slotCount,
      ...(table !== undefined && { tensors: tensorsOf(manifest, file, table) })
    })
  }
  return { root: manifest.root.toString(), bytes: manifest.totalBytes, blocks: manifest.blockCount, files }
}

async function tableOf (file: ModelRecordFile, readers: FileReaders): Promise<TensorTable | undefined> {
  const { identity, absolute } = file
  return await readTensorTable(file.path, async (offset, length) => {
    return await readers.read(absolute, offset, Math.min(length, identity.sizeBytes - offset), identity)
  }, identity.sizeBytes)
}

function tensorsOf (manifest: Manifest, file: ManifestFile, table: TensorTable): InspectedTensor[] {
  return table.tensors.map(({ name, dtype, shape, offset, sizeBytes }) => ({
    name,
    dtype,
    shape,
    bytes: sizeBytes,
    blocks: sizeBytes === 0 ? 0 : slotAt(manifest, file, offset + sizeBytes - 1) - slotAt(manifest, file, offset) + 1
  }))
}

/** The slot of a file that shows the byte at this offset. */
function slotAt (manifest: Manifest, file: ManifestFile, offset: number): number {
  let low = file.firstSlot
  let high = file.firstSlot + file.slotCount - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (manifest.offsetOfSlot(middle) <= offset) low = middle
    else high = middle - 1
  }
  return low
}

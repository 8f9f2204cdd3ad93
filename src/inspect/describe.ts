import { isModelswarmError } from '../errors.ts'
import { isNamedWeights, readTensorTable } from '../formats/tensor-table.ts'
import { HeaderTooLarge, slotAt } from './header-reader.ts'
import { PARALLEL_HEADERS } from '../machine-defaults.ts'
import type { InspectedFile, InspectedTensor, Inspection } from '../api.ts'
import type { FileReaders } from '../files/reader.ts'
import type { ReadRange, TensorTable } from '../formats/tensor-table.ts'
import type { Manifest, ManifestFile } from '../model/manifest.ts'
import type { ModelRecordFile } from '../store/models.ts'

export interface DescribeParts {
  /** List tensors too. Default: false. */
  tensors?: boolean
  /** Files of the model that lie on this machine. */
  files: readonly ModelRecordFile[]
  readers: Pick<FileReaders, 'read'>
  /** Reads a file that is not here; absent where nobody is asked. */
  elsewhere?: (file: ManifestFile) => ReadRange
  /** Told why the header of a file could not be had: HeaderTooLarge, or ERR_GAVE_UP. */
  onMissing?: (file: ManifestFile, err: Error) => void
  signal?: AbortSignal | undefined
}

/**
 * What a manifest holds, in words; with `tensors`, those of its weights files: of files on this machine, and
 * `elsewhere` of those whose names say that they have some.
 *
 * @throws ModelswarmError ERR_DISK, ERR_PATH_PERMISSION, and what `elsewhere` throws but for ERR_GAVE_UP;
 *   the signal's reason when aborted
 */
export async function describe (manifest: Manifest, parts: DescribeParts): Promise<Inspection> {
  const headers = parts.tensors === true ? await headersOf(manifest, parts) : []
  const files = manifest.files.map((file, i): InspectedFile => {
    const header = headers[i]
    return {
      path: file.path,
      bytes: file.sizeBytes,
      blocks: file.slotCount,
      ...(header === 'missing' && { isHeaderMissing: true }),
      ...(typeof header === 'object' && { tensors: tensorsOf(manifest, file, header) })
    }
  })
  return { root: manifest.root.toString(), bytes: manifest.totalBytes, blocks: manifest.blockCount, files }
}

/** Undefined for a file that has none, or one that breaks its format. */
type Header = TensorTable | 'missing' | undefined

async function headersOf (manifest: Manifest, parts: DescribeParts): Promise<Header[]> {
  const onDisk = new Map(parts.files.map(file => [file.path, file]))
  const headers: Header[] = []
  const left = manifest.files.entries()
  // All take from one iterator: each file once.
  await Promise.all(Array.from({ length: PARALLEL_HEADERS }, async () => {
    for (const [i, file] of left) {
      parts.signal?.throwIfAborted()
      headers[i] = await headerOf(file, onDisk.get(file.path), parts)
    }
  }))
  return headers
}

async function headerOf (
  file: ManifestFile, local: ModelRecordFile | undefined, parts: DescribeParts
): Promise<Header> {
  if (local !== undefined) {
    try {
      return await headerHere(local, parts.readers)
    } catch (err) {
      // Not the file that was indexed any more: as good as not here.
      if (!isModelswarmError(err, 'ERR_FILE_CHANGED')) throw err
    }
  }
  if (!isNamedWeights(file.path, file.sizeBytes)) return undefined
  if (parts.elsewhere === undefined) return 'missing'
  try {
    return await readTensorTable(file.path, parts.elsewhere(file), file.sizeBytes)
  } catch (err) {
    if (!(err instanceof HeaderTooLarge) && !isModelswarmError(err, 'ERR_GAVE_UP')) throw err
    parts.onMissing?.(file, err)
    return 'missing'
  }
}

async function headerHere (file: ModelRecordFile, readers: Pick<FileReaders, 'read'>): Promise<TensorTable | undefined> {
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

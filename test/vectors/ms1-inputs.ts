import { makeGguf, makeSafetensors, safetensorsOf } from '../formats/make-files.ts'
import { noise } from '../model/tree-fixtures.ts'
import type { Folder } from '../model/tree-fixtures.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** Sizes of plain files at the edges of the rule. */
export const PLAIN_SIZES = [
  0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 10 * MIB, 128 * MIB - 1, 128 * MIB, 256 * MIB + 1,
  512 * MIB, 1024 * MIB - 1, 1024 * MIB, 1024 * MIB + 1, 2 ** 40
]

/** Models that are made the same on every machine. Never change one: add another. */
export const MODELS: Record<string, () => Folder> = {
  'plain files': () => ({
    empty: new Uint8Array(0), one: noise(1, 1), 'a/64k': noise(2, 64 * KIB), 'a/64k+1': noise(3, 64 * KIB + 1), 'a.5m': noise(4, 5 * MIB + 3)
  }),
  'empty folder': () => ({ f: null }),
  'safetensors, mixed sizes': () => ({
    'model.safetensors': safetensors([3 * MIB, 100, 0, 40 * KIB, 30 * KIB, 64 * KIB, 64 * KIB - 1, 1, 1, 17 * MIB + 2, 2 * MIB])
  }),
  'safetensors, long header': () => ({
    'x/model.safetensors': makeSafetensors(Array.from({ length: 2000 }, (_, i) => ({ name: `layer.${i}.weight`, data: noise(i, 90) })))
  }),
  'safetensors, malformed': () => ({
    'model.safetensors': safetensorsOf('{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}', noise(5, 200 * KIB))
  }),
  'gguf with padding': () => ({
    'm.gguf': makeGguf([70_000, 5, 2 * MIB, 65_533, 10, 20, 300_001].map((size, i) =>
      ({ name: `t${i}`, shape: [size], type: 24, data: noise(i + 1, size) })), { alignment: 64 })
  }),
  'gguf without tensors': () => ({ 'vocab.gguf': makeGguf([]) }),
  'tensors shared by two shards': () => ({
    'a.safetensors': makeSafetensors([{ name: 'x', data: noise(1, 300_000) }, { name: 'y', data: noise(2, 500_000) }]),
    'b.safetensors': makeSafetensors([{ name: 'other', data: noise(9, 7) }, { name: 'y', data: noise(2, 500_000) }])
  }),
  'a file of two levels': () => ({ big: new Uint8Array(65 * MIB) }),
  'a HAMT folder': () => Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [`${'n'.repeat(40)}${i}`, noise(i % 5, 4)])),
  'names of many scripts': () => ({ é: noise(1, 1), '\u{1f600}': noise(2, 2), '\uffe0': noise(3, 3), 'a/b': noise(4, 4), 'a-b': noise(5, 5) })
}

function safetensors (sizes: number[]): Uint8Array {
  return makeSafetensors(sizes.map((size, i) => ({ name: `t${String(i).padStart(2, '0')}`, data: noise(i + 1, size) })))
}

import { Random } from '../random.ts'
import { gguf, safetensors } from './headers.ts'
import { link } from './links.ts'
import { peerRecords } from './peer-records.ts'
import { tree, treeNode } from './tree.ts'
import { frameHeader, frameStream, holdings } from './wire.ts'
import type { Decoder } from './decoder.ts'

/** Every decoder of bytes that somebody else wrote. Those of a state folder are in state.ts. */
export async function foreignDecoders (seed: number): Promise<Decoder[]> {
  return [
    frameHeader, frameStream, holdings, treeNode, tree, link, safetensors, gguf, await peerRecords(new Random(seed))
  ]
}

/** Regroups a stream of bytes into blocks, as a `chunker` of ipfs-unixfs-importer does. */
export type Chunker = (source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) => AsyncGenerator<Uint8Array, void>

/** A chunker for one file: gives blocks of exactly these lengths, which our cutter decided on. */
export function chunkerOf (lengths: Iterable<number>): Chunker {
  return async function * (source) {
    let rest = new Uint8Array(0)
    const chunks = (async function * () { yield * source })()
    try {
      for (const length of lengths) {
        while (rest.byteLength < length) {
          const { done, value } = await chunks.next()
          if (done === true) throw new Error(`The source ends ${length - rest.byteLength} bytes before a block does`)
          rest = Uint8Array.from(Buffer.concat([rest, value]))
        }
        yield rest.slice(0, length)
        rest = rest.subarray(length)
      }
      for await (const chunk of chunks) rest = Uint8Array.from(Buffer.concat([rest, chunk]))
      if (rest.byteLength > 0) throw new Error(`The source has ${rest.byteLength} bytes beyond the last block`)
    } finally {
      await chunks.return(undefined)
    }
  }
}
